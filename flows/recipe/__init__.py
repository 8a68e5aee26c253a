"""Recipes: their schema, loading, error messages, and the checks that are made before anything runs."""
