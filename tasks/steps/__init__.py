"""Steps: the verbs as Prefect tasks, with caching, progress and a typed runner. The only code that knows Prefect."""
