"""Metrics, intervals, shifts of distributions."""
