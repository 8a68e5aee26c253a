"""Preprocessing spec: the steps of the recipe's section `preprocess`, and which kind of data each suits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from tasks.core import Dataset, InputError, Spec, nearest_choice
from tasks.data.tables.column_steps import Clip, ColumnStep, DateParts, Impute, Scale, TransformTarget
from tasks.data.tables.date_columns import model_inputs, with_parts
from tasks.data.tables.target_transform import check_target_steps


class Normalize(Spec):
    """Images: (pixel / scale - mean) / std for each channel."""

    step: Literal["normalize"] = "normalize"
    mean: tuple[float, ...] | None = None
    """One number for each channel, in units of pixel / scale. Absent: measured on the train split."""
    std: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    """One number for each channel, in units of pixel / scale. Absent: measured on the train split."""
    scale: float | None = Field(default=None, gt=0)
    """The number by which pixels are first divided. Absent: 255 for uint8 pixels, else 1."""


class Unscaled(Spec):
    """All data: raw values as float32, neither shifted nor scaled. It stands alone, but
    for `transform_target`, and takes no text."""

    step: Literal["none"] = "none"


SUITED: dict[str, tuple[type[Spec], ...]] = {
    "images": (Normalize, TransformTarget, Unscaled),
    "array": (Scale, TransformTarget, Unscaled),
    "table": (*get_args(ColumnStep), Unscaled),
}
"""Kind of data → the steps that suit it."""
_KINDS: dict[str, tuple[type[Spec], ...]] = {"number": (Impute, Clip, Scale), "date": (DateParts,)}
"""Kind of column → the steps that name such columns; all others name text."""
PreprocessStep = Annotated[Normalize | ColumnStep | Unscaled, Field(discriminator="step")]


def check_steps(dataset: Dataset, steps: tuple[PreprocessStep, ...]) -> None:
    """Checks that the steps suit the data.

    Raises:
        InputError: a step does not suit the kind of data or the task, stands twice for the same columns, or names a
            column that does not exist or is of another kind; or its numbers do not match the channels.
    """
    check_target_steps(dataset, steps)
    suited = SUITED[dataset.kind]
    kinds = {"images": "images", "array": "an array", "table": "tables"}[dataset.kind]
    seen: list[tuple[str, tuple[str, ...] | None]] = []
    own = with_parts(dataset.columns, steps)
    known = {column.name: column.kind for column in (*own, *model_inputs(own))}
    for index, step in enumerate(steps):
        path = f"preprocess.{index}"
        if not isinstance(step, suited):
            names = ", ".join(str(kind.model_fields["step"].default) for kind in suited if kind is not Unscaled)
            raise InputError(f"does not suit {kinds}", path=f"{path}.step", value=step.step, nearest=names)
        others = ", ".join(each.step for each in steps if not isinstance(each, Unscaled | TransformTarget))
        if step.step == "none" and others:
            raise InputError(f"must stand alone, but {others} stands beside it", path=f"{path}.step", value="none")
        columns = getattr(step, "columns", None)
        if (step.step, columns) in seen:
            raise InputError("must not stand twice", path=f"{path}.step", value=step.step)
        seen.append((step.step, columns))
        _check_channels(step, dataset, path)
        _check_columns(step, known, path)


def _check_channels(step: PreprocessStep, dataset: Dataset, path: str) -> None:
    for name in ("mean", "std") if isinstance(step, Normalize) else ():
        given, channels = getattr(step, name), dataset.input_shape[-1]
        if given is not None and len(given) != channels:
            law = f"must hold one number for each of {channels} channels"
            raise InputError(law, path=f"{path}.{name}", value=list(given))
    if isinstance(step, Scale) and dataset.kind == "array" and step.method in ("robust", "quantile"):
        raise InputError("suits tables only", path=f"{path}.method", value=step.method, nearest="standard")


def _check_columns(step: PreprocessStep, known: Mapping[str, str], path: str) -> None:
    """Checks the columns that a step names against those that are `known`: name → kind."""
    kind = next((kind for kind, steps in _KINDS.items() if isinstance(step, steps)), "category")
    for name in getattr(step, "columns", None) or ():
        if name not in known:
            all_names = ", ".join(known)
            law, place = "must name an input column", f"{path}.columns"
            raise InputError(law, path=place, value=name, nearest=nearest_choice(name, known) or all_names)
        if known[name] != kind:
            law = {"number": "numbers", "category": "text", "date": "dates"}[kind]
            fitting = [each for each in known if known[each] == kind]
            near = ", ".join(fitting[:8])
            raise InputError(f"must name columns of {law}", path=f"{path}.columns", value=name, nearest=near or None)
