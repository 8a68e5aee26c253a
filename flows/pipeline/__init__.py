"""The main job composed of steps, with its two searches."""
