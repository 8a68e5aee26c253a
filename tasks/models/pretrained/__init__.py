"""Pretrained networks: where their weights come from, and the last layer that is replaced for other classes."""
