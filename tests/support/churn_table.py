"""A made table of customers: numbers and text with gaps, an id, and few who leave."""

from __future__ import annotations

import numpy as np
import pandas as pd


def churn_table(rows: int = 1200, seed: int = 0) -> pd.DataFrame:
    """About one in eight leaves: those with short contracts, many calls and high bills."""
    rng = np.random.default_rng(seed)
    months, calls = rng.integers(1, 72, rows), rng.poisson(1.5, rows)
    plan = rng.choice(["monthly", "yearly", "two years"], rows, p=[0.5, 0.3, 0.2])
    bill = np.round(rng.normal(60, 20, rows).clip(15), 2)
    logit = -3.8 + 2.2 * (plan == "monthly") + 0.7 * calls + 0.03 * (bill - 60) - 0.03 * months
    leaves = rng.random(rows) < 1 / (1 + np.exp(-logit))
    return pd.DataFrame(
        {
            "customer": [f"C-{seed}{number:05d}" for number in rng.permutation(rows)],
            "months": months,
            "plan": plan,
            "region": rng.choice(["north", "south", "east", None], rows, p=[0.4, 0.3, 0.2, 0.1]),
            "monthly bill": np.where(rng.random(rows) < 0.1, np.nan, bill),
            "support-calls": calls,
            "churned": np.where(leaves, "yes", "no"),
        }
    )
