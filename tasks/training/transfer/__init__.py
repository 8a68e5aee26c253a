"""Transfer: a network that others trained learns other classes, by a new last layer or by all of its layers."""
