"""Pipeline: the main job as a composition of cached steps, with its two searches."""
