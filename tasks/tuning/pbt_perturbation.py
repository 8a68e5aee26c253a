"""PBT perturbation: random changes of the values of a copied member (Jaderberg et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from tasks.search.domains import Domain, LogUniform, is_same
from tasks.search.space import Space

FACTORS = (0.8, 1.25)
"""A continuous value is multiplied by one of these, chosen at random."""
RESAMPLE = 0.25
"""Probability that a value is drawn from its domain instead of being perturbed."""


def explore(values: Mapping[str, Any], space: Space, chance: Random) -> dict[str, Any]:
    """A new value for each path of the space: perturbed, or drawn from its domain (always if it has none yet)."""
    return {
        path: draw(domain, chance)
        if path not in values or chance.random() < RESAMPLE
        else perturb(domain, values[path], chance)
        for path, domain in space.items()
    }


def perturb(domain: Domain, value: Any, chance: Random) -> Any:
    """A nearby value of the domain.

    Continuous: the value times 0.8 or 1.25, within the domain's ends. Discrete: the value before or after it; a random
    one if the value is not in the domain.
    """
    values = domain.values()
    if values is None:
        return _within(domain, value * chance.choice(FACTORS))
    place = next((place for place, each in enumerate(values) if is_same(each, value)), None)
    if place is None:
        return draw(domain, chance)
    near = [values[each] for each in (place - 1, place + 1) if 0 <= each < len(values)]
    return chance.choice(near or list(values))


def draw(domain: Domain, chance: Random) -> Any:
    """A random value of the domain: uniform over its values or its range, for `LogUniform` over the logarithm."""
    values = domain.values()
    if values is not None:
        return chance.choice(values)
    low, high = domain.ends()
    if isinstance(domain, LogUniform):
        return _within(domain, math.exp(chance.uniform(math.log(low), math.log(high))))
    return _within(domain, chance.uniform(low, high))


def _within(domain: Domain, number: float) -> float:
    """The number with four significant digits, so that it is short to write, and within the domain's ends."""
    low, high = domain.ends()
    return float(min(max(float(f"{number:.4g}"), low), high))
