"""Ensembles of networks: the trainings of their members, and their average."""
