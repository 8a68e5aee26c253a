"""Searches as data: domains, spaces, specs, objectives and results. They are run by `tasks.tuning`."""
