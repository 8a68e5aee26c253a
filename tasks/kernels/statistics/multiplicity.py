"""Multiplicity: what many tests, or many looks one after the other, may spend of one error probability."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def error_share(alpha: float, k: int) -> float:
    """What the k-th look (from 1) may spend of `alpha`: alpha · 6 / (π² k²). All looks together spend `alpha`."""
    return alpha * 6 / (math.pi * k) ** 2


def look_level(look: int, looks: int, alpha: float = 0.05) -> float:
    """The level of the interval at a look (from 1), where one may stop at any of at most `looks` of them.

    The last look spends half of `alpha`, the earlier ones an equal share each of the other half (an error-spending
    rule after Lan and DeMets 1983; all that was spent adds up, as Bonferroni's inequality asks). So the intervals of
    all looks hold together with a chance of at least 1 - alpha, and the one at which one stops does too, whatever made
    one stop. A single look has the level 1 - alpha.
    """
    if looks == 1:
        return 1 - alpha
    return 1 - alpha / 2 / (1 if look == looks else looks - 1)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's (1995) p-values of tests that are made together, in the given order.

    Those at most q are a selection of which, in the mean, at most the share q is wrong. Where nothing has changed, one
    is at most q in at most the share q of cases.
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(-values, kind="stable")
    ranks = np.arange(len(values), 0, -1)
    found = np.empty(len(values))
    found[order] = np.minimum.accumulate(values[order] * len(values) / ranks)
    return [float(p) for p in found]
