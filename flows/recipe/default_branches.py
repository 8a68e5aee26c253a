"""Default branches: the compression branches of a recipe that names none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tasks.compression.branch import Branch, Compress
from tasks.techniques import TAGS

if TYPE_CHECKING:
    from flows.recipe.schema import Recipe


def default_branches() -> Compress:
    """The branches of a recipe for a torch network that names none: pruning, low rank and int8, alone and together."""
    pare = {"step": "channels", "sparsity": 0.5}
    return Compress.model_validate(
        {
            "branches": [
                {"name": "int8", "steps": [{"step": "int8"}]},
                {"name": "shallow-int8", "steps": [{"step": "blocks"}, {"step": "recover"}, {"step": "int8"}]},
                {"name": "narrow", "steps": [pare, {"step": "recover"}]},
                {"name": "low-rank", "steps": [{"step": "low_rank"}, {"step": "recover"}]},
                {"name": "narrow-int8", "steps": [pare, {"step": "recover"}, {"step": "int8"}]},
            ]
        }
    )


def branches_of(recipe: Recipe) -> Compress:
    """The recipe's `compress` section, with default branches when it names none.

    For a torch network these are `default_branches`, for an ONNX file one branch per technique that takes ONNX files,
    and for a simple model smaller forms of it, and a linear one.
    """
    asked = recipe.compress or Compress()
    if asked.branches:
        return asked
    if recipe.model.family is not None:
        return asked.model_copy(update={"branches": simple_branches(recipe.model.family)})
    usual = default_branches() if recipe.model.file is None else each_alone("onnx")
    return asked.model_copy(update={"branches": usual.branches})


def simple_branches(family: str) -> tuple[Branch, ...]:
    """Those that can win against a simple model of this family: smaller forms of its trees, and a linear model."""
    linear = Branch.model_validate({"name": "linear", "steps": [{"step": "fit", "family": "linear"}]})
    return (*tree_branches(family), *(() if family == "linear" else (linear,)))


def tree_branches(family: str) -> tuple[Branch, ...]:
    """Smaller forms of an ensemble of trees; none for a family without trees."""
    if family not in ("random_forest", "extra_trees", "hist_boosting", "lightgbm", "xgboost"):
        return ()
    steps = {
        "fewer-trees": [{"step": "trees"}],
        "fewest-trees": [{"step": "trees", "max_change": 0.05}],
        "fewer-trees-leaves": [{"step": "trees"}, {"step": "leaves"}],
    }
    return tuple(Branch.model_validate({"name": name, "steps": each}) for name, each in steps.items())


def each_alone(form: Literal["torch", "onnx"]) -> Compress:
    """One branch of a single step for each technique that takes models of this form and promises to lower something."""
    tags = [tag for tag, kind in TAGS.items() if kind.form == form and kind.lowers]
    return Compress.model_validate({"branches": [{"name": tag, "steps": [{"step": tag}]} for tag in tags]})
