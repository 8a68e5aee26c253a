"""Pruning: which channels, residual blocks and single weights to remove, and how."""
