"""Sources: their present content as a fingerprint, and their rows in one form."""
