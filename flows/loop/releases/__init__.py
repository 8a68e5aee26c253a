"""Releases: which version is in use: promoted, taken back, listed, and what no version needs any more."""
