"""Checks: whether goal, model, weights and knobs suit the data; done before anything is computed."""

from __future__ import annotations

from pathlib import Path

from flows.recipe.points import with_point
from flows.recipe.schema import Recipe
from flows.recipe.search_validation import probes
from tasks.conversion import onnx_import
from tasks.core import InputError, Prepared, Store, nearest
from tasks.evaluation import evaluate
from tasks.models import factory, weight_files
from tasks.search.space import Point
from tasks.techniques.layer_names import is_under
from tasks.training import student
from tasks.training.student import Distill


def check_model_file(recipe: Recipe) -> None:
    """Opens an ONNX file that is the model. Raises InputError when it cannot be used, whatever the data are."""
    if recipe.model.file is not None:
        onnx_import.read_onnx(recipe.model.file)


def check_recipe(recipe: Recipe, prepared: Prepared, store: Store) -> None:
    """Tries the recipe on the data without training.

    Raises:
        InputError: the host, the metric, the model, the weights or a layer's name does not suit.
    """
    from tasks.kernels.statistics.metrics import METRICS

    evaluate.check_provider(recipe.runtime)
    dataset = prepared.dataset
    suited = [metric.name for metric in METRICS.values() if metric.task == dataset.task]
    if recipe.goal.metric not in suited:
        law = f"must be one of {', '.join(suited)} for {dataset.task}"
        raise InputError(law, path="goal.metric", value=recipe.goal.metric, nearest=suited[0])
    if recipe.augment and dataset.kind != "images":
        raise InputError("suits images only", path="augment.0.step", value=recipe.augment[0].step)
    if recipe.model.file is not None:
        asked = bool(recipe.preprocess)
        found = onnx_import.check_onnx_model(recipe.model.file, prepared, asked, recipe.goal, recipe.runtime, store)
        check_operators(recipe, onnx_import.serialize_product(found, prepared))
    else:
        check_network(recipe, prepared)


def check_network(recipe: Recipe, prepared: Prepared) -> None:
    """Builds the network, and loads its weights, on the data's shape."""
    network = factory.build_network(*factory.complete_factory(recipe.model, prepared))
    if recipe.model.weights is not None:
        weight_files.load_weights(network, Path(recipe.model.weights))
    factory.check_shapes(network, prepared)
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
            factory.check_shapes(factory.build_network(*factory.complete_factory(spec, prepared)), prepared)
        except InputError as error:
            place = f"search.space.{error.path}" if error.path in point else "search.space"
            raise error.at(path=place) from error


def check_students(recipe: Recipe, prepared: Prepared) -> None:
    """Builds the student of every `distill`."""
    for place, branch in enumerate(recipe.compress.branches if recipe.compress else ()):
        if isinstance(branch.steps[0], Distill):
            student.complete_student(branch.steps[0], prepared, f"compress.branches.{place}.steps.0.")


def check_operators(recipe: Recipe, product: bytes) -> None:
    """Whether the first step of each branch ignores layers that the ONNX file has."""
    from tasks.kernels.onnx_passes import cleanup, static_quantization

    branches = recipe.compress.branches if recipe.compress else ()
    firsts = [getattr(branch.steps[0], "ignore", ()) for branch in branches]
    layers = static_quantization.layer_names(cleanup.clean(product)) if any(firsts) else {}
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
