"""Steps: the functions of a flow (verbs) as Prefect tasks, with caching and progress, and the runner that calls them.

No other package of the tasks uses Prefect.
"""
