"""Safety: passwords of servers that a network reaches, and the detection of runs that were killed."""
