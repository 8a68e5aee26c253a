"""Data checks: whether a recipe's goal, model, weights and layer names fit its data, before anything is trained."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flows.recipe.points import with_point
from flows.recipe.schema import Recipe
from flows.recipe.search_validation import probes
from tasks.conversion import network_checks, network_probes, onnx_import
from tasks.core import InputError, Prepared, Store, nearest_choice
from tasks.evaluation import evaluate
from tasks.models import factory, weight_files
from tasks.search.space import Point
from tasks.techniques.layer_names import is_under
from tasks.training import student
from tasks.training.student import Distill

if TYPE_CHECKING:
    from torch import nn


def check_model_file(recipe: Recipe) -> None:
    """Opens the ONNX file of `model.file`, if the recipe has one.

    Raises:
        InputError: the file is missing, or it cannot be used with any data.
    """
    if recipe.model.file is not None:
        onnx_import.read_onnx(recipe.model.file)


def check_recipe(recipe: Recipe, prepared: Prepared, store: Store) -> None:
    """Tries the recipe on the data without training: builds the network, or runs the ONNX file on a few examples.

    Raises:
        InputError: the execution provider, the metric, the augmentation, the model, its weights or a layer's name does
            not fit the data or this host.
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
        with network_probes.seeded(recipe.train.seed):
            check_network(recipe, prepared, store)


def check_network(recipe: Recipe, prepared: Prepared, store: Store) -> None:
    """Builds the network, loads its weights, and runs it on zeros of the data's shape; then the same for its variants.

    The variants are the networks of a search and the students of `distill`. At last the network itself, not its
    variants, is tried on examples and exported.

    Raises:
        InputError: a network cannot be built or does not fit the data, the weights do not fit the network, nothing says
            what stands in front of them, a step names a layer that does not exist, or the network would fail after
            the training.
    """
    network = initial_network(recipe, prepared, 0)
    factory.check_shapes(network, prepared)
    if recipe.model.weights is not None and not recipe.preprocess:
        law = "must say what the weights of model.weights were trained behind: its steps, or none for raw values"
        raise InputError(law, path="preprocess", nearest="none")
    check_searched_models(recipe, prepared)
    check_students(recipe, prepared)
    check_layers(recipe, [name for name, _ in network.named_modules() if name])
    build = partial(initial_network, recipe, prepared)
    network_checks.check_untrained(build, recipe.train.seed, prepared, recipe.export.tolerance, store)


def initial_network(recipe: Recipe, prepared: Prepared, seed: int) -> nn.Module:
    """The network of a seed with the recipe's weights, if there are any, in evaluation mode.

    Raises:
        InputError: the factory or an argument is wrong, or the weights do not fit the network.
    """
    network = factory.build_network(*factory.complete_factory(recipe.model, prepared), seed=seed)
    if recipe.model.weights is not None:
        weight_files.load_weights(network, Path(recipe.model.weights), recipe.model.key)
    return network


def check_searched_models(recipe: Recipe, prepared: Prepared) -> None:
    """Builds the network for the `model.` values of each of the search space's `probes`.

    Raises:
        InputError: one cannot be built or does not fit the data; names the path of the search space.
    """
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
    """Builds the student of every `distill` step. Raises InputError when one does not fit the data."""
    for place, branch in enumerate(recipe.compress.branches if recipe.compress else ()):
        if isinstance(branch.steps[0], Distill):
            student.complete_student(branch.steps[0], prepared, f"compress.branches.{place}.steps.0.")


def check_operators(recipe: Recipe, product: bytes) -> None:
    """Checks that the names in `ignore` of each branch's first step are layers of the ONNX file.

    Later steps are not checked, since earlier ones may change the layers.

    Args:
        product: bytes of the ONNX file with its preprocessing.

    Raises:
        InputError: the file has no layer of this name.
    """
    from tasks.kernels.onnx_passes import cleanup, static_quantization

    branches = recipe.compress.branches if recipe.compress else ()
    firsts = [getattr(branch.steps[0], "ignore", ()) for branch in branches]
    layers = static_quantization.layer_names(cleanup.clean(product)) if any(firsts) else {}
    known = [*layers, *layers.values()]
    for place, ignored in enumerate(firsts):
        for name in ignored:
            if not any(is_under(each, (name,)) for each in known):
                path = f"compress.branches.{place}.steps.0.ignore"
                choice = nearest_choice(name, known) or ", ".join(list(layers.values())[:10])
                raise InputError("names no layer of the file", path=path, value=name, nearest=choice)


def check_layers(recipe: Recipe, layers: list[str]) -> None:
    """Checks that the names in `ignore` of each branch's first step are layers of the network.

    Later steps are not checked, since earlier ones may change the layers.

    Args:
        layers: names of all modules of the network.

    Raises:
        InputError: the network has no layer of this name.
    """
    for place, branch in enumerate(recipe.compress.branches if recipe.compress else ()):
        first = branch.steps[0]
        if getattr(first, "form", None) != "torch":
            continue
        for name in getattr(first, "ignore", ()):
            if name not in layers:
                path = f"compress.branches.{place}.steps.0.ignore"
                choice = nearest_choice(name, layers) or ", ".join(layers[:10])
                raise InputError("names no layer of the model", path=path, value=name, nearest=choice)
