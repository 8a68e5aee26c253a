"""Compression: branches, the execution of their steps, and the search space of branches."""
