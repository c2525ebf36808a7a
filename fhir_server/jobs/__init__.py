"""Work after the answer, and on all of the database."""
