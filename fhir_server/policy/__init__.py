"""Who may see and do what; the decisions are pure, the guard carries them out."""
