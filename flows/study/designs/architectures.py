"""Architectures: size against score: three sizes of every network in the box that takes the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.study.designs.hyperparameters import knobs_of
from flows.study.designs.simple_models import design_families
from flows.study.study_context import Study
from tasks.core import Prepared
from tasks.models.factory import architecture_of
from tasks.study.design import Cell, Design, UnsuitedTable

TITLE = "Architectures"
BOX = "tasks.architectures:"
SIZES = ("small", "medium", "large")
LADDERS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "convnet": tuple({"width": width, "depth": 2} for width in (8, 16, 32)),
    "resnet": ({"width": 8, "depth": 8}, {"width": 16, "depth": 8}, {"width": 16, "depth": 20}),
    "vgg": tuple({"width": width, "depth": 11} for width in (8, 16, 32)),
    "alexnet": tuple({"width": width} for width in (8, 16, 32)),
    "mobilenet_v2": tuple({"width": width, "depth": 0.5, "last": 320} for width in (0.25, 0.5, 0.75)),
    "convnet1d": tuple({"width": width, "depth": 3} for width in (8, 16, 32)),
    "transformer": ({"width": 16, "depth": 2}, {"width": 32, "depth": 2}, {"width": 64, "depth": 4}),
    "mlp": tuple({"width": width, "depth": 2} for width in (32, 64, 128)),
    "embedding_mlp": tuple({"width": width, "depth": 2} for width in (32, 64, 128)),
}
"""Network of the box → the arguments of its three sizes. The middle ones compute about as much as the defaults of the
kind of data do."""
NAMES = {
    "convnet": "ConvNet",
    "resnet": "ResNet",
    "vgg": "VGG-like",
    "alexnet": "AlexNet-like",
    "mobilenet_v2": "MobileNetV2-like",
    "convnet1d": "1-D ConvNet",
    "transformer": "transformer",
    "mlp": "MLP",
    "embedding_mlp": "MLP with embeddings",
}
IMAGES = ("convnet", "resnet", "vgg", "alexnet", "mobilenet_v2")


def design_architectures(study: Study) -> Design | UnsuitedTable:
    """The recipe's own network, half and twice as wide if it is the user's, and those of the box in three sizes."""
    recipe = study.recipe
    if recipe.model.is_simple:
        return design_families(study)
    reason = why_not(study)
    if reason:
        return UnsuitedTable("architectures", TITLE, reason)
    own = architecture_of(recipe.model, study.prepared)
    cells = [Cell("the recipe's own")]
    if not own.startswith(BOX):
        cells += own_sizes(own, dict(recipe.model.arguments), knobs_of(study))
    for name in fitting(study.prepared):
        cells += box_sizes(name, study)
    return Design(
        "architectures",
        TITLE,
        "How large must the network be, and of which kind?",
        "the network and its size",
        "training and data",
        tuple(cells),
        cost="latency",
        note="Learning rate and epochs are those of the recipe for all of them.",
    )


def why_not(study: Study) -> str:
    """Why no sizes can be compared; empty where they can."""
    model = study.recipe.model
    if model.is_trained or model.is_transferred:
        return "the network is trained already, and others have no such weights"
    if model.networks is not None:
        return "an ensemble has networks of several sizes already"
    own = architecture_of(model, study.prepared)
    if not own.startswith(BOX) and not {"width", "depth"} & knobs_of(study).keys():
        return f"{own} has no argument width or depth, so that its size cannot be varied"
    return ""


def own_sizes(factory: str, arguments: dict[str, Any], knobs: Mapping[str, Any]) -> list[Cell]:
    """The user's own network, smaller and larger, by its width or else by its depth."""
    knob = "width" if "width" in knobs else "depth"
    value = arguments.get(knob, knobs[knob])
    if not isinstance(value, int | float) or isinstance(value, bool):
        return []
    sizes = [value / 2, value * 2] if isinstance(value, float) else [max(1, value // 2), value * 2]
    name = factory.rpartition(":")[2]
    return [Cell(f"{name}, {knob} {each:g}", {f"model.arguments.{knob}": each}) for each in sizes if each != value]


def fitting(prepared: Prepared) -> tuple[str, ...]:
    """The networks of the box for this kind of data."""
    dataset = prepared.dataset
    if dataset.kind == "images":
        return IMAGES
    if dataset.kind == "table":
        return ("mlp", *(("embedding_mlp",) if any(each.kind == "category" for each in dataset.columns) else ()))
    return ("mlp", *(("convnet1d", "transformer") if len(dataset.input_shape) <= 2 else ()))


def box_sizes(name: str, study: Study) -> list[Cell]:
    """Three sizes of a network of the box, without the one that is the recipe's own."""
    cells = []
    for size, arguments in zip(SIZES, LADDERS[name], strict=True):
        if not is_own(name, arguments, study):
            cells.append(
                Cell(f"{NAMES[name]}, {size}", {**naming_values(name, study), "model.arguments": dict(arguments)})
            )
    return cells


def naming_values(name: str, study: Study) -> dict[str, Any]:
    """What of the recipe names a network of the box: the family of a table's, otherwise the factory."""
    model = study.recipe.model
    if study.prepared.dataset.kind == "table":
        return {"model.family": name, **({} if model.factory is None else {"model.factory": None})}
    return {"model.factory": f"{BOX}{name}"}


def is_own(name: str, arguments: Mapping[str, Any], study: Study) -> bool:
    """Whether the recipe's own network is this one of the box."""
    if architecture_of(study.recipe.model, study.prepared) != f"{BOX}{name}":
        return False
    defaults = knobs_of(study)
    return {**defaults, **study.recipe.model.arguments} == {**defaults, **arguments}
