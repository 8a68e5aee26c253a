"""Compression: branches, one step of a branch, and the space of branches."""
