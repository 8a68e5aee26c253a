"""Reconstruction: fits a network's layers to a teacher's outputs by least squares."""
