"""Simple models of tables in the main job: tournament, last fit, models of the user, peers in Python."""
