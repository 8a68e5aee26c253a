"""Evaluation: what a model is worth: scores, latency, parity, ranking, selection."""
