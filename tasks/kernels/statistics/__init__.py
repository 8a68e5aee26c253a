"""Statistics: metrics, confidence intervals and distribution shift."""
