"""Augmentations: the steps, by what they change."""
