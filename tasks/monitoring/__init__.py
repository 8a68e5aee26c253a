"""Monitoring: whether new data hurt the champion or differ from its own, and whether a challenger may replace it."""
