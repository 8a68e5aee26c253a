"""Latency of files, networks and layers, measured side by side."""
