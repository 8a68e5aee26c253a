"""Trials: the objectives of the searches, which run on Ray workers."""
