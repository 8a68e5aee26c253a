"""Preprocessing: normalization of images, scaling of numbers, and how text becomes numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.study.study_context import Study
from tasks.core import Dataset
from tasks.data.preprocessing_spec import Normalize, Unscaled
from tasks.data.tables.column_steps import OneHot, Ordinal, Scale, TargetEncode
from tasks.study.design import Cell, Design, UnsuitedTable

TITLE = "Preprocessing"
Steps = list[dict[str, Any]]
SCALES = {
    "standard": "standard scaling",
    "minmax": "min–max scaling",
    "robust": "robust scaling",
    "quantile": "quantile scaling",
    "none": "no scaling",
}
"""Method of `Scale` → the cell's name."""
CODES = {"one_hot": "one-hot text", "ordinal": "ordinal text", "target_encode": "target-encoded text"}
"""Step for text → the cell's name. Target encoding has no form in the product for several classes."""
OF_ARRAYS = ("standard", "minmax", "none")


def design_preprocessing(study: Study) -> Design | UnsuitedTable:
    """What stands in front of the network, one kind of step at a time; the recipe's other steps stay."""
    recipe, dataset = study.recipe, study.prepared.dataset
    if recipe.model.is_simple:
        from flows.study.designs.simple_models import design_encoders

        return design_encoders(study)
    if recipe.model.is_trained or recipe.model.is_transferred:
        return UnsuitedTable("preprocessing", TITLE, "the network was trained behind its own preprocessing")
    cells = {"images": _of_images, "array": _of_arrays, "table": _of_tables}[dataset.kind](study)
    varied = {
        "images": "how pixels are shifted and scaled",
        "array": "how the numbers are shifted and scaled",
        "table": "how numbers are scaled and text becomes numbers, one at a time",
    }
    return Design(
        "preprocessing",
        TITLE,
        "Does it matter how the data are prepared for the network?",
        varied[dataset.kind],
        "network, training and data",
        tuple(cells),
    )


def _of_images(study: Study) -> list[Cell]:
    """Normalized as measured on train, only divided to lie from 0 to 1, and raw pixels."""
    dataset, rest = study.prepared.dataset, _others(study, Normalize, Unscaled)
    channels = dataset.input_shape[-1]
    ways: dict[str, Steps] = {"normalized as measured": rest}
    if (largest := largest_pixel(dataset)) != 1:
        fixed = {"step": "normalize", "scale": largest, "mean": [0.0] * channels, "std": [1.0] * channels}
        ways[f"divided by {largest:g}"] = [fixed, *rest]
    ways["raw pixels"] = [{"step": "none"}, *rest]
    return _cells(study, ways)


def largest_pixel(dataset: Dataset) -> float:
    """What pixels are divided by to lie from 0 to 1: 255 of uint8, otherwise the largest of train."""
    if dataset.input_dtype == "uint8":
        return 255.0
    return max((each.most for each in dataset.ranges), default=1.0) or 1.0


def _of_arrays(study: Study) -> list[Cell]:
    rest = _others(study, Scale, Unscaled)
    return _cells(study, {SCALES[method]: [{"step": "scale", "method": method}, *rest] for method in OF_ARRAYS})


def _of_tables(study: Study) -> list[Cell]:
    """Every scaling of the number columns, and every code of the text columns, one at a time."""
    dataset = study.prepared.dataset
    kinds = {column.kind for column in dataset.columns}
    ways: dict[str, Steps] = {}
    if kinds & {"number", "date"}:
        rest = _others(study, Scale, Unscaled)
        ways |= {name: [*rest, {"step": "scale", "method": method}] for method, name in SCALES.items()}
    if "category" in kinds:
        rest = _others(study, OneHot, Ordinal, TargetEncode, Unscaled)
        known = {name: code for code, name in CODES.items() if code != "target_encode" or dataset.outputs <= 2}
        ways |= {name: [*rest, {"step": code}] for name, code in known.items()}
    return _cells(study, ways)


def _others(study: Study, *varied: type[object]) -> Steps:
    """The recipe's steps but for those kinds that the table varies; a step for some columns only stays."""
    return [
        step.model_dump(mode="json", exclude_unset=True) | {"step": step.step}
        for step in study.recipe.preprocess
        if not isinstance(step, varied) or getattr(step, "columns", None) is not None
    ]


def _cells(study: Study, ways: dict[str, Steps]) -> list[Cell]:
    """The recipe's own preprocessing first, and all ways that prepare the data otherwise than it does."""
    own = fitted_as(study, _others(study))
    reference = " and ".join(name for name, steps in ways.items() if fitted_as(study, steps) == own)
    cells = [Cell(reference or "as in the recipe")]
    seen = [own]
    for name, steps in ways.items():
        if (found := fitted_as(study, steps)) not in seen:
            seen.append(found)
            cells.append(Cell(name, {"preprocess": steps}))
    return cells


def fitted_as(study: Study, steps: Sequence[dict[str, Any]]) -> str:
    """The digest of what these steps become on the data: equal for steps that do the same."""
    from flows.recipe.points import with_point
    from tasks.data.preprocessing import fit_preprocessing

    recipe, store = with_point(study.recipe, {"preprocess": list(steps)}), study.job.store
    given = study.prepared.dataset, recipe.preprocess, store, recipe.target_unit, recipe.text_encoding
    return store.put_json(fit_preprocessing(*given))
