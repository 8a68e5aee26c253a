"""Preprocessing spec: the steps of the recipe's section `preprocess`, and which kind of data each suits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.core import Dataset, InputError, Spec


class Normalize(Spec):
    """Images: (pixel / scale - mean) / std for each channel."""

    step: Literal["normalize"] = "normalize"
    mean: tuple[float, ...] | None = None
    """One number for each channel, in units of pixel / scale. Absent: measured on the train split."""
    std: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    """One number for each channel, in units of pixel / scale. Absent: measured on the train split."""
    scale: float | None = Field(default=None, gt=0)
    """The number by which pixels are first divided. Absent: 255 for uint8 pixels, else 1."""


class Impute(Spec):
    """Tables: a missing number is replaced by a statistic of its column on the train split."""

    step: Literal["impute"] = "impute"
    strategy: Literal["median", "mean"] = "median"
    """The statistic."""


class Scale(Spec):
    """Tables and arrays: number columns, or the numbers along an array's last axis, are shifted and scaled."""

    step: Literal["scale"] = "scale"
    method: Literal["standard", "minmax", "none"] = "standard"
    """`standard`: mean 0 and standard deviation 1 on train; `minmax`: 0 to 1 on train; `none`: unchanged."""


class OneHot(Spec):
    """Tables: one feature for each category seen in train; other categories give zeros only."""

    step: Literal["one_hot"] = "one_hot"
    max_categories: int = Field(default=64, ge=1)
    """Most categories of a column; the most frequent ones are kept."""


class Unscaled(Spec):
    """All data: raw values as float32, neither shifted nor scaled. It stands alone, and takes no text."""

    step: Literal["none"] = "none"


SUITED: dict[str, tuple[type[Normalize | Impute | Scale | OneHot | Unscaled], ...]] = {
    "images": (Normalize, Unscaled),
    "array": (Scale, Unscaled),
    "table": (Impute, Scale, OneHot, Unscaled),
}
"""Kind of data → the steps that suit it."""
PreprocessStep = Annotated[Normalize | Impute | Scale | OneHot | Unscaled, Field(discriminator="step")]


def check_steps(dataset: Dataset, steps: tuple[PreprocessStep, ...]) -> None:
    """Raises InputError when a step does not suit the kind of data or stands twice, or its numbers do not match the
    channels."""
    suited = SUITED[dataset.kind]
    kinds = {"images": "images", "array": "an array", "table": "tables"}[dataset.kind]
    tags = [step.step for step in steps]
    for index, step in enumerate(steps):
        path = f"preprocess.{index}"
        if not isinstance(step, suited):
            names = ", ".join(kind().step for kind in suited if kind is not Unscaled)
            raise InputError(f"does not suit {kinds}", path=f"{path}.step", value=step.step, nearest=names)
        if step.step == "none" and len(steps) > 1:
            others = ", ".join(tag for tag in tags if tag != "none")
            raise InputError(f"must stand alone, but {others} stands beside it", path=f"{path}.step", value="none")
        if step.step in tags[:index]:
            raise InputError("must not stand twice", path=f"{path}.step", value=step.step)
        for name in ("mean", "std") if isinstance(step, Normalize) else ():
            given, channels = getattr(step, name), dataset.input_shape[-1]
            if given is not None and len(given) != channels:
                law = f"must hold one number for each of {channels} channels"
                raise InputError(law, path=f"{path}.{name}", value=list(given))
