"""Search space: the points of a search for branches, the branches that they are, and where a search begins."""
