"""Command line: the program `paredown`."""

from flows.cli.app import main

__all__ = ["main"]
