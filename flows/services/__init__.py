"""Services: the environment of a run, and the servers and deployments of this machine."""
