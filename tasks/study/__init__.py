"""The study: which techniques pay on the user's own data: designs, effects over seeds, verdicts and the budget."""
