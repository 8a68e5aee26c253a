"""Column inputs: an imported ONNX file that takes columns of a table by name gets them in its own types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.core import Column, Dataset, InputError, InputLayout, Store, nearest_choice

if TYPE_CHECKING:
    from tasks.kernels.onnx.description import Tensor

NUMBERS = (
    *("float16", "float32", "float64", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
"""Types of inputs that take a column of numbers."""


TIMES = ("float64", "int64")
"""Types of inputs that take a column of dates."""


@dataclass(frozen=True)
class LeftOut:
    """A column of the source that is no input."""

    reason: str
    """In words that follow its name."""
    keeps: str
    """What the recipe must say so that it is an input."""


@dataclass(frozen=True)
class KnownColumns:
    """The columns of a table, by name."""

    inputs: Mapping[str, Column]
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)


def known_columns(dataset: Dataset, store: Store) -> KnownColumns:
    """The columns of a data set, and those that its profile says are left out; without any for other data."""
    profile: Mapping[str, Any] = store.get_json(dataset.profile) if dataset.kind == "table" and dataset.profile else {}
    left_out = {
        each["name"]: LeftOut(f"is {each['becomes']}", f"data.types: {{{each['name']}: {each['kind']}}}")
        for each in profile.get("columns", ())
        if each["becomes"].startswith("left out")
    }
    left_out |= {name: LeftOut("is in data.drop", f"data.drop without {name}") for name in profile.get("dropped", ())}
    return KnownColumns({column.name: column for column in dataset.columns}, left_out)


def match_columns(inputs: tuple[Tensor, ...], known: KnownColumns) -> InputLayout | None:
    """The layout of a file that takes columns by name, each (batch, 1), in the file's order and types; else None.

    Columns that the file does not take are no inputs of the product.

    Raises:
        InputError: the file takes a column that is no input, or one in a type that the column does not have.
    """
    names = [tensor.name for tensor in inputs]
    if not {*names} & {*known.inputs, *known.left_out} or not all(_is_column(tensor) for tensor in inputs):
        return None
    for tensor in inputs:
        if tensor.name in known.left_out:
            away = known.left_out[tensor.name]
            raise InputError(f"takes the column {tensor.name!r}, which {away.reason}", nearest=away.keeps)
        if tensor.name not in known.inputs:
            near = nearest_choice(tensor.name, known.inputs) or ", ".join(known.inputs)
            raise InputError("takes a column that the data do not have", value=tensor.name, nearest=near)
        _check_type(tensor, known.inputs[tensor.name])
    return InputLayout("", "columns", "", tuple((tensor.name, tensor.dtype) for tensor in inputs))


def _is_column(tensor: Tensor) -> bool:
    return len(tensor.shape) == 2 and (tensor.shape[1] == 1 or not isinstance(tensor.shape[1], int))


def _check_type(tensor: Tensor, column: Column) -> None:
    if column.kind == "number" and tensor.dtype not in NUMBERS:
        law, near = f"must take column {column.name!r} as numbers", f"data.types: {{{column.name}: text}}"
        raise InputError(law, value=tensor.dtype, nearest=near)
    if column.kind == "date" and tensor.dtype not in TIMES:
        law = f"must take column {column.name!r} as {' or '.join(TIMES)}, seconds since 1970-01-01 UTC"
        raise InputError(law, value=tensor.dtype, nearest=f"data.types: {{{column.name}: text}}")
    taken = ("string", "bool") if column.truth else ("string",)
    if column.kind == "category" and tensor.dtype not in taken:
        law = f"must take column {column.name!r} as {' or '.join(taken)}"
        near = f"data.types: {{{column.name}: number}}"
        raise InputError(law, value=tensor.dtype, nearest=None if column.truth else near)
