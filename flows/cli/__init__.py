"""The command line: `paredown`."""

from flows.cli.app import main

__all__ = ["main"]
