"""Flows of Paredown: what Prefect runs, the recipes that configure it, and the command line."""
