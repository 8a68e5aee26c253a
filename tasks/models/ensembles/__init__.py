"""Ensembles: the specs of several models with one answer, and the network that averages networks."""
