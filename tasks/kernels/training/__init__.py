"""Training: loops, losses, image transforms, checkpoints, learning curves and weight transfer."""
