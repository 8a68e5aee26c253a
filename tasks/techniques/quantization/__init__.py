"""Techniques that lower the precision of numbers."""
