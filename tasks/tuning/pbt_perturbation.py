"""Variation: how the values of a population's member become others (Jaderberg et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from tasks.search.domains import Domain, LogUniform, is_same
from tasks.search.space import Space

FACTORS = (0.8, 1.25)
"""What a number is multiplied with, one or the other at random."""
RESAMPLE = 0.25
"""How likely a value is drawn anew instead."""


def explore(values: Mapping[str, Any], space: Space, chance: Random) -> dict[str, Any]:
    """Other values: each is perturbed, or drawn anew."""
    return {
        path: draw(domain, chance)
        if path not in values or chance.random() < RESAMPLE
        else perturb(domain, values[path], chance)
        for path, domain in space.items()
    }


def perturb(domain: Domain, value: Any, chance: Random) -> Any:
    """A value near by: a fifth less or a quarter more, within the ends; of a domain with named values the next one."""
    values = domain.values()
    if values is None:
        return _within(domain, value * chance.choice(FACTORS))
    place = next((place for place, each in enumerate(values) if is_same(each, value)), None)
    if place is None:
        return draw(domain, chance)
    near = [values[each] for each in (place - 1, place + 1) if 0 <= each < len(values)]
    return chance.choice(near or list(values))


def draw(domain: Domain, chance: Random) -> Any:
    """A value of the domain, at random."""
    values = domain.values()
    if values is not None:
        return chance.choice(values)
    low, high = domain.ends()
    if isinstance(domain, LogUniform):
        return _within(domain, math.exp(chance.uniform(math.log(low), math.log(high))))
    return _within(domain, chance.uniform(low, high))


def _within(domain: Domain, number: float) -> float:
    """With four digits, as somebody would write it, and not beyond the ends."""
    low, high = domain.ends()
    return float(min(max(float(f"{number:.4g}"), low), high))
