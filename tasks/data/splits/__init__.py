"""Splits: how examples become train, validation, test and calibration, and other selections of them."""
