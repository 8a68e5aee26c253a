"""Techniques on ensembles of trees."""
