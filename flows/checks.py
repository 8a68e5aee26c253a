"""Checks: whether goal, model, weights and knobs suit the data; done before anything is computed."""

from __future__ import annotations

from pathlib import Path

from flows.recipe import Recipe, with_point
from flows.spaces import probes
from tasks import evaluation, importing, modeling, students
from tasks.artifacts import InputError, Prepared, Store, nearest
from tasks.spaces import Point
from tasks.students import Distill
from tasks.techniques.inputs import is_under

SUITED = {"classification": ("accuracy", "f1", "log_loss", "roc_auc"), "regression": ("rmse", "mae")}


def check_file(recipe: Recipe) -> None:
    """Opens an ONNX file that is the model. Raises InputError when it cannot be used, whatever the data are."""
    if recipe.model.file is not None:
        importing.read(recipe.model.file)


def check(recipe: Recipe, prepared: Prepared, store: Store) -> None:
    """Tries the recipe on the data without training.

    Raises:
        InputError: the host, the metric, the model, the weights or a layer's name does not suit.
    """
    evaluation.check_provider(recipe.runtime)
    dataset = prepared.dataset
    suited = SUITED[dataset.task]
    if recipe.goal.metric not in suited:
        law = f"must be one of {', '.join(suited)} for {dataset.task}"
        raise InputError(law, path="goal.metric", value=recipe.goal.metric, nearest=suited[0])
    if recipe.augment and dataset.kind != "images":
        raise InputError("suits images only", path="augment.0.step", value=recipe.augment[0].step)
    if recipe.model.file is not None:
        asked = bool(recipe.preprocess)
        found = importing.check(recipe.model.file, prepared, asked, recipe.goal, recipe.runtime, store)
        check_operators(recipe, importing.serialize(found, prepared))
    else:
        check_network(recipe, prepared)


def check_network(recipe: Recipe, prepared: Prepared) -> None:
    """Builds the network, and loads its weights, on the data's shape."""
    network = modeling.build(*modeling.complete(recipe.model, prepared))
    if recipe.model.weights is not None:
        modeling.load_weights(network, Path(recipe.model.weights))
    modeling.check_shapes(network, prepared)
    check_searched_models(recipe, prepared)
    check_students(recipe, prepared)
    check_layers(recipe, [name for name, _ in network.named_modules() if name])


def check_searched_models(recipe: Recipe, prepared: Prepared) -> None:
    """Builds the networks at the ends of every `model.arguments` that is searched, under each of its conditions."""
    space = recipe.search.space if recipe.search else {}
    tried: list[Point] = []
    for probe in probes(space):
        point = {path: value for path, value in probe.items() if path.startswith("model.")}
        if not point or point in tried:
            continue
        tried.append(point)
        spec = with_point(recipe, point).model
        try:
            modeling.check_shapes(modeling.build(*modeling.complete(spec, prepared)), prepared)
        except InputError as error:
            place = f"search.space.{error.path}" if error.path in point else "search.space"
            raise InputError(error.law, path=place, value=error.value, nearest=error.nearest) from error


def check_students(recipe: Recipe, prepared: Prepared) -> None:
    """Builds the student of every `distill`."""
    for place, branch in enumerate(recipe.compress.branches if recipe.compress else ()):
        if isinstance(branch.steps[0], Distill):
            students.complete(branch.steps[0], prepared, f"compress.branches.{place}.steps.0.")


def check_operators(recipe: Recipe, product: bytes) -> None:
    """Whether the first step of each branch ignores layers that the ONNX file has."""
    from tasks.kernels import runtime

    branches = recipe.compress.branches if recipe.compress else ()
    firsts = [getattr(branch.steps[0], "ignore", ()) for branch in branches]
    layers = runtime.layer_names(runtime.clean(product)) if any(firsts) else {}
    known = [*layers, *layers.values()]
    for place, ignored in enumerate(firsts):
        for name in ignored:
            if not any(is_under(each, (name,)) for each in known):
                path = f"compress.branches.{place}.steps.0.ignore"
                choice = nearest(name, known) or ", ".join(list(layers.values())[:10])
                raise InputError("names no layer of the file", path=path, value=name, nearest=choice)


def check_layers(recipe: Recipe, layers: list[str]) -> None:
    """Whether the first step of each branch ignores layers that exist (later steps may see other layers)."""
    for place, branch in enumerate(recipe.compress.branches if recipe.compress else ()):
        first = branch.steps[0]
        if getattr(first, "form", None) != "torch":
            continue
        for name in getattr(first, "ignore", ()):
            if name not in layers:
                path = f"compress.branches.{place}.steps.0.ignore"
                choice = nearest(name, layers) or ", ".join(layers[:10])
                raise InputError("names no layer of the model", path=path, value=name, nearest=choice)
