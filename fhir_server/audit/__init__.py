"""Who did what to whose record."""
