"""The study: which techniques pay on the user's own data, in tables of small designed experiments."""
