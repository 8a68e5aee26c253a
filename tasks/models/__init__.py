"""Networks from factories and weight files."""
