"""The words of a search: domains, spaces, specs, objectives and results. No engine."""
