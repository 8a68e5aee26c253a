"""Trials: the objectives of searches, as they run on Ray's workers."""
