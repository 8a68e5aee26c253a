"""Techniques that remove blocks, channels or weights."""
