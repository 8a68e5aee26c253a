"""Additions: rows that came after the others, those of them that are kept out, and the window of rows that are used."""
