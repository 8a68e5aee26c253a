"""Outputs of a study: its page, its tables, its files, its runs in MLflow and its progress."""
