"""Fictitious French patients and professionals for demonstrations and tests."""
