"""A network's graph: layers, channels and the operators that connect them."""
