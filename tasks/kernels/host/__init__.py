"""This machine: its description, and the lock that keeps work and measurements apart."""
