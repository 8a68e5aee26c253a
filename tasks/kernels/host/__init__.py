"""This machine: its description, and the lock that keeps other work away from time measurements."""
