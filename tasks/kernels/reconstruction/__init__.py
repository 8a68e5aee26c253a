"""Layers fitted in closed form to a teacher's outputs."""
