"""Target transform: fits the recipe's step `transform_target` on the targets of the train split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.core import Dataset, InputError, Spec
from tasks.data.tables.column_steps import TransformTarget

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.statistics.target_map import TargetMap

PATH = "preprocess"


def fit_target(steps: Sequence[Spec], targets: np.ndarray) -> TargetMap | None:
    """The map of the step `transform_target`; None without one.

    Args:
        steps: the recipe's steps of `preprocess`.
        targets: those of the train split, (count,).

    Raises:
        InputError: a target of a logarithm is below 0, or all targets are the same.
    """
    from tasks.kernels.statistics.target_map import fit_log, fit_quantiles

    step = next((step for step in steps if isinstance(step, TransformTarget)), None)
    if step is None:
        return None
    least = float(targets.min())
    if least == float(targets.max()):
        raise InputError("transform_target needs targets that differ", path=PATH, value=least)
    if step.method == "quantile":
        return fit_quantiles(targets, step.distribution != "uniform")
    if least < 0:
        law = "transform_target by log needs targets of at least 0, but the least of train is below"
        raise InputError(law, path=PATH, value=least, nearest="method: quantile")
    return fit_log(targets)


def check_target_steps(dataset: Dataset, steps: Sequence[Spec]) -> None:
    """Raises InputError where a classification's target shall be transformed."""
    for index, step in enumerate(steps):
        if isinstance(step, TransformTarget) and dataset.task == "classification":
            law = f"suits the target of a regression, but this one has {len(dataset.classes)} classes"
            raise InputError(law, path=f"{PATH}.{index}.step", value=step.step)
