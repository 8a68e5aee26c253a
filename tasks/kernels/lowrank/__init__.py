"""Low-rank factors of layers, and what they cost."""
