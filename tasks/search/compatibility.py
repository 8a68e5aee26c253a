"""Compatibility: domains that an algorithm cannot search, and wrong conditions between domains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.core import InputError, nearest_choice
from tasks.search.domains import Choice, Domain, accepted


def wrong_condition(path: str, space: Mapping[str, Domain]) -> InputError | None:
    """The mistake in the conditions (`when`) of a path of the space, or None."""
    for other, value in space[path].when.items():
        place = f"space.{path}.when.{other}"
        if other not in space:
            return InputError(
                "is not a path of the space", path=place, nearest=nearest_choice(other, set(space) - {path})
            )
        values = space[other].values()
        if values is None:
            law = "must be the path of a choice, integers or quantized, whose values can be named"
            return InputError(law, path=place, value=str(space[other]))
        if not accepted(value):
            return InputError("needs a value", path=place, value=value, nearest=values[0])
        for each in accepted(value):
            if not space[other].has(each):
                law = f"must be a value of {other}: {space[other]}"
                return InputError(law, path=place, value=each, nearest=_closest(each, space[other]))
    return None


def _closest(value: Any, domain: Domain) -> Any:
    values = domain.values() or ()
    if isinstance(value, (int, float)) and all(isinstance(each, (int, float)) for each in values):
        return min(values, key=lambda each: abs(each - value))
    return nearest_choice(str(value), map(str, values))


def unsuited_domain(path: str, domain: Domain, algorithm: str) -> InputError | None:
    """The reason why the algorithm cannot search the domain at `path`, or None when it can."""
    got = domain.model_dump(mode="json", exclude_defaults=True)
    place = f"space.{path}"
    if algorithm == "grid" and domain.values() is None:
        law = "must be a choice, integers or quantized, since the algorithm is grid"
        return InputError(law, path=place, value=got, nearest={"choice": list(domain.ends())})
    if algorithm == "cmaes" and isinstance(domain, Choice):
        law = "must be a range of numbers, since the algorithm is cmaes (tpe and nsga2 take choices, too)"
        return InputError(law, path=place, value=got)
    if algorithm == "cmaes" and domain.when:
        law = "must be left out, since the algorithm is cmaes (tpe and nsga2 take conditions)"
        return InputError(law, path=f"{place}.when", value=domain.when)
    return None
