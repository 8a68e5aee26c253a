"""Domains: the values that a search may try at one dotted path, and the conditions under which it does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from tasks.core import InputError, Spec

MOST_STEPS = 10_000
"""Most steps of a quantized domain."""


class _Domain(Spec):
    when: dict[str, Any] = Field(default_factory=dict)
    """Condition: other paths of the space → the value, or list of values, that each must have. If it is not met, this
    domain does not apply and the recipe's own value is used."""

    def ends(self) -> Sequence[Any]:
        """The lowest and the highest value; every value of a choice."""
        raise NotImplementedError

    def values(self) -> Sequence[Any] | None:
        """Every value in order; None for a continuous domain."""
        return None

    def has(self, value: Any) -> bool:
        """Whether the value may be drawn."""
        raise NotImplementedError

    def __str__(self) -> str:
        """The domain in words, such as `integers [1, 9] when train.optimizer is sgd or adam`."""
        (name, values), *_ = self.model_dump(mode="json", exclude={"when"}).items()
        values = [_tidy(value) if isinstance(value, float) else value for value in values]
        held = [f"{path} is {' or '.join(map(str, accepted(value)))}" for path, value in self.when.items()]
        return f"{name} {values}" + (" when " + " and ".join(held) if held else "")


class Choice(_Domain):
    """One of the given values."""

    choice: tuple[Any, ...] = Field(min_length=1)

    def ends(self) -> Sequence[Any]:
        """Every value."""
        return self.choice

    def values(self) -> Sequence[Any]:
        """The values in the given order."""
        return self.choice

    def has(self, value: Any) -> bool:
        """Whether the value may be drawn."""
        return any(is_same(value, each) for each in self.choice)


class _Range(_Domain):
    @model_validator(mode="after")
    def _ordered(self) -> _Range:
        low, high = self.bounds()
        if not low < high:
            raise ValueError(f"the first number must be below the second, but got {[low, high]}")
        return self

    def bounds(self) -> tuple[float, float]:
        """(low, high)."""
        low, high = self.ends()
        return low, high

    def has(self, value: Any) -> bool:
        """Whether the value may be drawn."""
        low, high = self.bounds()
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and low <= value <= high


class Uniform(_Range):
    """A number between two bounds, uniformly distributed."""

    uniform: tuple[float, float]

    def ends(self) -> Sequence[float]:
        """(low, high)."""
        return self.uniform


class LogUniform(_Range):
    """A positive number between two bounds, with a uniformly distributed logarithm."""

    loguniform: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]

    def ends(self) -> Sequence[float]:
        """(low, high)."""
        return self.loguniform


class Integers(_Range):
    """A whole number between two bounds, both included."""

    integers: tuple[int, int]

    def ends(self) -> Sequence[int]:
        """(low, high)."""
        return self.integers

    def values(self) -> Sequence[int]:
        """Every whole number."""
        return range(self.integers[0], self.integers[1] + 1)

    def has(self, value: Any) -> bool:
        """Whether the value may be drawn."""
        return super().has(value) and float(value).is_integer()


class Quantized(_Range):
    """A number from the first to the second, both included, in steps of the third, such as `[16, 64, 16]`."""

    quantized: tuple[float, float, Annotated[float, Field(gt=0)]]

    @model_validator(mode="after")
    def _whole_steps(self) -> Quantized:
        low, high, step = self.quantized
        steps = (high - low) / step
        if steps > MOST_STEPS:
            raise ValueError(f"must have at most {MOST_STEPS:,} steps, but has {steps:,.0f}")
        if abs(steps - round(steps)) > 1e-6:
            law = "must come from its first number to its second in whole steps of its third"
            choice = [_tidy(low), _tidy(low + max(math.floor(steps), 1) * step), _tidy(step)]
            got = [_tidy(each) for each in self.quantized]
            raise ValueError(InputError(law, path="quantized", value=got, nearest=choice))
        return self

    def ends(self) -> Sequence[float]:
        """(low, high); whole numbers as `int`, so that a field of whole numbers accepts them."""
        return _tidy(self.quantized[0]), _tidy(self.quantized[1])

    def values(self) -> Sequence[float]:
        """Every number; whole numbers as `int`."""
        low, high, step = self.quantized
        return [_tidy(low + index * step) for index in range(round((high - low) / step) + 1)]

    def has(self, value: Any) -> bool:
        """Whether the value may be drawn."""
        return super().has(value) and value in self.values()


Domain = Choice | Uniform | LogUniform | Integers | Quantized


def accepted(value: Any) -> list[Any]:
    """The values that a condition accepts, as a list: the items of a list, or the single value."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are equal, where 1 and True are different."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _tidy(number: float) -> float:
    """The number rounded to 12 digits, against errors of floating-point sums; whole numbers as `int`."""
    number = float(f"{number:.12g}")
    return int(number) if number.is_integer() else number
