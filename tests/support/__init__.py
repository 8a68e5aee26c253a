"""Helpers and doubles that several test rooms share; none of them is a test."""
