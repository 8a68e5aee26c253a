"""Serving: the champion over HTTP, and a log of what it was asked that `monitor` reads."""
