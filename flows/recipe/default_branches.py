"""Default branches: the compression branches of a recipe that names none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tasks.compression.branch import Branch, Compress
from tasks.models.estimators.families import FAMILIES
from tasks.models.model_spec import ModelSpec
from tasks.techniques import TAGS
from tasks.training.ensembles.member_trainings import trainings_of
from tasks.training.simple.ensemble_spec import ensemble_of, fits_of
from tasks.training.simple.fit_spec import fit_of
from tasks.training.student import Distill
from tasks.training.train_spec import TrainSpec

if TYPE_CHECKING:
    from flows.recipe.schema import Recipe

STUDENT = {"n_estimators": 50, "num_leaves": 8, "learning_rate": 0.3}
"""LightGBM's arguments for the small model that an ensemble teaches where the recipe names no branches."""


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

    For a torch network these are `default_branches`, for an ensemble of them `network_students`, for an ONNX file one
    branch per technique that takes ONNX files, and for a simple model smaller forms of it, a linear one, and fits of
    half of its columns and of shallower trees.
    """
    asked = recipe.compress or Compress()
    if recipe.model.networks is not None:
        return compared(asked) if asked.branches else asked.model_copy(update={"branches": network_students(recipe)})
    if asked.branches:
        return asked
    if recipe.model.is_simple and recipe.model.family is not None:
        branches = (*simple_branches(recipe.model.family), *smaller_fits(recipe.model, recipe.train.seed))
        return asked.model_copy(update={"branches": branches})
    if recipe.model.simple_ensemble is not None:
        return asked.model_copy(update={"branches": member_branches(recipe.model, recipe.train.seed)})
    usual = default_branches() if recipe.model.file is None else each_alone("onnx")
    return asked.model_copy(update={"branches": usual.branches})


def network_students(recipe: Recipe) -> tuple[Branch, ...]:
    """Those that can win against an ensemble of networks: its int8 form, and one network that it teaches, also in int8.

    The student has the architecture and the training of the first member, with the epochs of the recipe. Without a
    named architecture, which the data decide, there is none.
    """
    int8 = {"step": "int8"}
    branches: list[dict[str, Any]] = [{"name": "int8", "steps": [int8]}]
    training = trainings_of(recipe.model, recipe.train)[0]
    first = training.model
    factory = f"tasks.architectures:{first.family}" if first.family else first.factory
    if factory is not None:
        student = {"step": "distill", "factory": factory, "arguments": first.arguments, **settings_of(training.train)}
        student |= {"compare": True, "epochs": recipe.train.epochs, "seed": recipe.train.seed}
        branches += [{"name": "student", "steps": [student]}, {"name": "student-int8", "steps": [student, int8]}]
    return tuple(Branch.model_validate(branch) for branch in branches)


def settings_of(train: TrainSpec) -> dict[str, Any]:
    """The settings of a training that `distill` has too, where they differ from its defaults; a rate must be known."""
    left = {"epochs", "minutes", *(["learning_rate"] if train.learning_rate == "auto" else [])}
    shared = sorted(set(TrainSpec.model_fields) & set(Distill.model_fields) - left)
    return {name: value for name in shared if (value := getattr(train, name)) != Distill.model_fields[name].default}


def compared(compress: Compress) -> Compress:
    """The branches, with each student of `distill` trained without the teacher, too."""
    branches = []
    for branch in compress.branches:
        first, *others = branch.steps
        is_student = isinstance(first, Distill) and first.taught
        steps = (first.model_copy(update={"compare": True}), *others) if is_student else branch.steps
        branches.append(branch.model_copy(update={"steps": steps}))
    return compress.model_copy(update={"branches": tuple(branches)})


def simple_branches(family: str) -> tuple[Branch, ...]:
    """Those that can win against a simple model of this family: smaller forms of its trees, and a linear model."""
    linear = Branch.model_validate({"name": "linear", "steps": [{"step": "fit", "family": "linear"}]})
    return (*tree_branches(family), *(() if family == "linear" else (linear,)))


def member_branches(model: ModelSpec, seed: int) -> tuple[Branch, ...]:
    """Those that can win against an ensemble: each of its members, and a small model that it teaches."""
    fits = fits_of(ensemble_of(model, seed))
    names = [f"{fit.family} {place + 1}" for place, fit in enumerate(fits)]
    members = [Branch(name=name, steps=(fit,)) for name, fit in zip(names, fits, strict=True)]
    if model.quantile is not None:
        return tuple(members)
    small = {"step": "fit", "family": "lightgbm", "arguments": STUDENT, "taught": True}
    return (*members, Branch.model_validate({"name": "student", "steps": [small]}))


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


def smaller_fits(model: ModelSpec, seed: int) -> tuple[Branch, ...]:
    """Other fits of a simple model, with its settings: of half of its columns, and of shallower trees.

    There are none of a model that is no family of its own, and none of what the settings say themselves.

    Args:
        model: the recipe's model.
        seed: the seed of its fits.
    """
    family = FAMILIES.get(model.family or "")
    if family is None:
        return ()
    fits = {}
    if model.features is None:
        fits["half-columns"] = model.model_copy(update={"features": 0.5})
    if family.shallow and not family.shallow.keys() & model.arguments.keys():
        fits["shallower-trees"] = model.model_copy(update={"arguments": {**model.arguments, **family.shallow}})
    return tuple(Branch(name=name, steps=(fit_of(each, seed),)) for name, each in fits.items())


def each_alone(form: Literal["torch", "onnx"]) -> Compress:
    """One branch of a single step for each technique that takes models of this form and promises to lower something."""
    tags = [tag for tag, kind in TAGS.items() if kind.form == form and kind.lowers]
    return Compress.model_validate({"branches": [{"name": tag, "steps": [{"step": tag}]} for tag in tags]})
