"""The pages on which people log in, choose, consent and see who has access."""
