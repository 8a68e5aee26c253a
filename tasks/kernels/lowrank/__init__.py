"""Low-rank factorization of layers, and the time that the factors take."""
