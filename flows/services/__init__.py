"""Services: the servers of this machine, the environment, deployments."""
