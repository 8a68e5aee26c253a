"""Argument checks: the errors of a factory for arguments from which it cannot build a network."""

from __future__ import annotations

from collections.abc import Sequence


def check_count(name: str, value: object, least: int = 1) -> None:
    """Raises ValueError unless the value is a whole number of at least `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, but got {value!r}")


def check_odd(name: str, value: object) -> None:
    """Raises ValueError unless the value is a positive odd number, so that a convolution keeps the image's size."""
    check_count(name, value)
    if isinstance(value, int) and value % 2 == 0:
        raise ValueError(f"{name} must be odd (1, 3, 5, …), but got {value}")


def check_kind(name: str, value: object, kinds: Sequence[str]) -> None:
    """Raises ValueError unless the value is one of the kinds."""
    if value not in kinds:
        raise ValueError(f"{name} must be one of {', '.join(kinds)}, but got {value!r}")


def check_dropout(value: object) -> None:
    """Raises ValueError unless the value is a probability from 0 to below 1."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        raise ValueError(f"dropout must be a number from 0 to below 1, but got {value!r}")


def check_factor(name: str, value: object) -> None:
    """Raises ValueError unless the value is a finite number above 0."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a number above 0, but got {value!r}")


def check_choice(name: str, value: object, choices: Sequence[int]) -> None:
    """Raises ValueError unless the value is one of the numbers."""
    if isinstance(value, bool) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}, but got {value!r}")
