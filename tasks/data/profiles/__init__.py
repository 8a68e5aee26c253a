"""Profiles: what was understood of the data, what looks wrong in them, and the reference of later monitoring."""
