"""Timing: how long trainings take on this machine."""
