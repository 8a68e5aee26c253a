"""The gate: whether a newly registered version takes the champion's place."""
