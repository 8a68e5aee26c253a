"""Simple models of tables: the families, their arguments, and how they are fitted."""
