"""Evaluation: measurement of products (score, latency, size, parity), their ranking and selection by the goal."""
