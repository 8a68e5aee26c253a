"""Engines: the runtimes that run a product's file on this host, one behind the other's interface."""
