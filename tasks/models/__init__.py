"""Models: their spec, networks built by factories, and weight files."""
