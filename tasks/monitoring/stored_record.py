"""Stored record: a record of the monitor, read back from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from tasks.core import InputError

T = TypeVar("T")


def read_record(kind: type[T], record: Mapping[str, Any], what: str) -> T:
    """The record as a dataclass of this kind.

    Args:
        kind: the dataclass.
        record: its fields as JSON has them.
        what: what it is, in the message.

    Raises:
        InputError: it is no such record.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(dict(record))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"must be {what}; it was altered: {first['msg']}", path=place or None) from None
