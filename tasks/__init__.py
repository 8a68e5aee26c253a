"""The tasks of Paredown: artifacts, kernels, architectures, techniques, and one module for each verb."""
