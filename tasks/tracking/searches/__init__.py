"""Searches: the trials of a search in MLflow, written while it runs, as a table, and read again by later searches."""
