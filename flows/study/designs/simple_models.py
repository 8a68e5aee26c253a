"""Simple models: the tables of a study that ask of a simple model what others ask of a network."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from flows.recipe.default_branches import STUDENT
from flows.study.study_context import Study
from tasks.data.preprocessing_spec import PreprocessStep
from tasks.data.tables.column_steps import Scale, TextStep, step_for
from tasks.models.estimators.families import FAMILIES
from tasks.models.family_names import FamilyName
from tasks.study.design import Cell, Design, UnsuitedTable

TREES = ("random_forest", "extra_trees", "hist_boosting", "lightgbm", "xgboost")
TRIED: Mapping[tuple[FamilyName, str], Mapping[str, tuple[float, float]]] = {
    ("linear", "classification"): {"C": (0.1, 10.0)},
    ("linear", "regression"): {"alpha": (0.1, 10.0)},
    ("random_forest", "classification"): {"min_samples_leaf": (1, 20), "max_features": (0.3, 0.7)},
    ("random_forest", "regression"): {"min_samples_leaf": (1, 20), "max_features": (0.3, 1.0)},
    ("extra_trees", "classification"): {"min_samples_leaf": (1, 20), "max_features": (0.3, 0.7)},
    ("extra_trees", "regression"): {"min_samples_leaf": (1, 20), "max_features": (0.3, 1.0)},
    ("hist_boosting", ""): {"learning_rate": (0.03, 0.3), "max_leaf_nodes": (8, 64), "min_samples_leaf": (5, 50)},
    ("lightgbm", ""): {"learning_rate": (0.03, 0.3), "num_leaves": (8, 64), "min_child_samples": (5, 50)},
    ("xgboost", ""): {"learning_rate": (0.03, 0.3), "max_depth": (3, 9), "min_child_weight": (0.3, 10)},
    ("knn", ""): {"n_neighbors": (3, 30)},
}
"""(family, task, or nothing where the task does not matter) → its arguments with a lower and a higher value."""
HALF, QUARTER = 0.5, 0.25
FASTER = 3
"""By which the learning rate of boosting is multiplied, so that it needs about a third of the trees."""
FULL = 100
"""Trees of a forest where the recipe does not say it."""
MANY = 100
"""Categories of a column from which one feature for each of them is not tried."""


def design_arguments(study: Study) -> Design | UnsuitedTable:
    """Each argument of the model's family that matters most, below and above its value, one at a time."""
    family, task = study.recipe.model.family, study.prepared.dataset.task
    tried = next((found for (name, of), found in TRIED.items() if name == family and of in ("", task)), None)
    if tried is None:
        reason = "the model is an ensemble or an estimator of your own, whose arguments are not known"
        return UnsuitedTable("hyperparameters", "Hyperparameters", reason)
    own = study.recipe.model.arguments
    cells = [
        Cell(f"{name} {value:g}", {f"model.arguments.{name}": int(value) if value >= 1 else value})
        for name, values in tried.items()
        for value in values
        if own.get(name) != value
    ]
    return Design(
        "hyperparameters",
        "Hyperparameters",
        "How much does each argument of the model matter?",
        f"the arguments of {FAMILIES[str(family)].label}, one at a time",
        "family, preprocessing and data; each seed draws nine tenths of the train rows",
        (Cell("as it is"), *cells),
        cost="latency",
    )


def design_trees(study: Study) -> Design | UnsuitedTable:
    """Fewer and shallower trees, merged leaves, and fewer columns: what each does to latency and score."""
    model = study.recipe.model
    if model.family not in FAMILIES:
        reason = "the model is an ensemble or an estimator of your own: its parts are tried by optimize"
        return UnsuitedTable("pruning", "Pruning", reason)
    columns = (
        []
        if model.features is not None
        else [
            Cell("half of the columns", {"model.features": HALF}),
            Cell("a quarter of the columns", {"model.features": QUARTER}),
        ]
    )
    is_wide = study.prepared.dataset.input_shape[0] >= 4
    trees = tree_cells(study) if model.family in TREES else []
    return Design(
        "pruning",
        "Pruning",
        "What do fewer trees, shallower trees and fewer columns save, and what do they cost?",
        "number and depth of the trees, their leaves, and the columns that are inputs",
        "family, other arguments and data; each seed draws nine tenths of the train rows",
        (Cell("as it is"), *trees, *(columns if is_wide else [])),
        cost="latency",
    )


def tree_cells(study: Study) -> list[Cell]:
    """Smaller forms of a family of trees: by its arguments, and by rewriting its file."""
    model = study.recipe.model
    family = FAMILIES[str(model.family)]
    cells = [
        Cell("fewer trees that answer alike", steps=({"step": "trees"},)),
        Cell("fewer trees, merged leaves", steps=({"step": "trees"}, {"step": "leaves"})),
    ]
    if family.shallow:
        shallow = {f"model.arguments.{name}": value for name, value in family.shallow.items()}
        cells.append(Cell("shallower trees", shallow))
    if family.rounds is None:
        count = int(model.arguments.get("n_estimators", FULL))
        cells += [
            Cell(f"{count // part} trees", {"model.arguments.n_estimators": max(1, count // part)}) for part in (2, 4)
        ]
    else:
        rate = FASTER * float(model.arguments.get("learning_rate", 0.1))
        cells.append(Cell(f"learning rate {rate:g}, for fewer trees", {"model.arguments.learning_rate": rate}))
    return cells


def design_families(study: Study) -> Design | UnsuitedTable:
    """The model's own family, all others, and a small model that it teaches."""
    model = study.recipe.model
    if model.quantile is not None or model.monotone:
        reason = "the model predicts a quantile or has monotone columns, which not every family can"
        return UnsuitedTable("architectures", "Model families", reason)
    others = [name for name in FAMILIES if name != model.family and (name != "xgboost" or _has_xgboost())]
    # `model.arguments` are those of the recipe's own family, and go with it.
    cells = [Cell(FAMILIES[name].label, {"model.family": name}) for name in others if model.family in FAMILIES]
    if model.family not in FAMILIES:
        alone: dict[str, Any] = {"model.ensemble": None, "model.factory": None, "model.arguments": {}}
        set_here = model.model_fields_set | {"arguments"}
        gone = {path: value for path, value in alone.items() if path.removeprefix("model.") in set_here}
        cells = [Cell(FAMILIES[name].label, {**gone, "model.family": name}) for name in others]
    taught = {"step": "fit", "family": "lightgbm", "arguments": STUDENT, "taught": True}
    return Design(
        "architectures",
        "Model families",
        "Which kind of model is the smallest and fastest that scores as well?",
        "the family, with its defaults for this size of table",
        "preprocessing and data; each seed draws nine tenths of the train rows",
        (Cell("as it is"), *cells, Cell("small LightGBM that it teaches", steps=(taught,))),
        cost="latency",
    )


def _has_xgboost() -> bool:
    return importlib.util.find_spec("xgboost") is not None


def design_encoders(study: Study) -> Design | UnsuitedTable:
    """Other ways from text to numbers, and other scales where the family needs one."""
    recipe, dataset = study.recipe, study.prepared.dataset
    if recipe.model.family == "own":
        return UnsuitedTable("preprocessing", "Preprocessing", "an estimator of your own has its own preprocessing")
    cells = [*text_cells(study), *scale_cells(study), *missing_cells(study)]
    if not cells:
        reason = f"{dataset.source} has numbers alone, and this family takes them as they are"
        return UnsuitedTable("preprocessing", "Preprocessing", reason)
    return Design(
        "preprocessing",
        "Preprocessing",
        "Which encoding of text and which scale of numbers serves this model?",
        "encoder of the text columns, scale and imputation of the number columns",
        "the model and the data; each seed draws nine tenths of the train rows",
        (Cell("as it is"), *cells),
        cost="latency",
    )


def text_cells(study: Study) -> list[Cell]:
    """The encoders that are not the model's own; none without text columns."""
    texts = [column for column in study.prepared.dataset.columns if column.kind == "category"]
    if not texts:
        return []
    found = {"target encoding": {"step": "target_encode"}, "ordinal codes": {"step": "ordinal"}}
    if all(len(column.texts) <= MANY for column in texts):
        found["one-hot"] = {"step": "one_hot"}
    own = own_encoding(study)
    kept = [
        step for step in study.recipe.preprocess if not isinstance(step, TextStep) or getattr(step, "columns", None)
    ]
    return [
        Cell(name, {"preprocess": [*plain_steps(kept), step]}) for name, step in found.items() if step["step"] != own
    ]


def own_encoding(study: Study) -> str:
    """The step by which the model's text columns become numbers now."""
    asked = step_for("", TextStep, study.recipe.preprocess)
    if asked is not None:
        return str(asked.model_dump()["step"])
    family = FAMILIES.get(study.recipe.model.family or "")
    return family.encoding if family else ""


def scale_cells(study: Study) -> list[Cell]:
    """The scales that are not the recipe's own, of a family that needs one."""
    family, steps = FAMILIES.get(study.recipe.model.family or ""), study.recipe.preprocess
    if family is None or not family.scaled or not any(each.kind == "number" for each in study.prepared.dataset.columns):
        return []
    asked = step_for("", Scale, steps)
    own = asked.method if asked else "standard"
    kept = plain_steps([step for step in steps if step is not asked])
    names = {"standard": "standard scale", "minmax": "scale from 0 to 1", "quantile": "ranks", "none": "no scale"}
    return [
        Cell(name, {"preprocess": [*kept, {"step": "scale", "method": method}]})
        for method, name in names.items()
        if method != own
    ]


def missing_cells(study: Study) -> list[Cell]:
    """A feature that says that a value is missing, where the recipe imputes nothing itself and values are missing."""
    if any(step.step == "impute" for step in study.recipe.preprocess) or not has_missing(study):
        return []
    steps = plain_steps(study.recipe.preprocess)
    return [Cell("missing values marked", {"preprocess": [*steps, {"step": "impute", "indicator": True}]})]


def has_missing(study: Study) -> bool:
    """Whether a number is missing in the train part."""
    numbers = [column.name for column in study.prepared.dataset.columns if column.kind == "number"]
    frame = study.job.store.get_frame(study.prepared.dataset.splits["train"].inputs)
    return bool(frame[numbers].isna().to_numpy().any())


def plain_steps(steps: tuple[PreprocessStep, ...] | list[PreprocessStep]) -> list[dict[str, Any]]:
    """Steps as plain data of the recipe."""
    return [step.model_dump(mode="json", exclude_unset=True) | {"step": step.step} for step in steps]
