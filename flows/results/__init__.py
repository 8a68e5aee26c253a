"""The whole job without Prefect, and what a finished run leaves behind."""
