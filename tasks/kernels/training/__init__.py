"""The training loop and what it works with: losses, image transforms, checkpoints, curves."""
