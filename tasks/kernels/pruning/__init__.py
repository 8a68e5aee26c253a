"""Which channels, blocks and weights to remove, and how."""
