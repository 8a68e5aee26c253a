"""Training: train, validate, distil, recover."""
