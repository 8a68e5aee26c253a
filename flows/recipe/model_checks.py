"""Model checks: whether a recipe's networks and weights fit its data, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from flows.recipe.default_branches import branches_of
from flows.recipe.schema import Recipe
from flows.recipe.search_validation import try_points
from tasks.conversion import network_checks
from tasks.core import InputError, Prepared, Refusal, Store, nearest_choice
from tasks.data.preprocessing import preprocess
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.models import factory
from tasks.models.answers import PLACE
from tasks.models.ensembles.averaged import AVERAGED, described
from tasks.models.pretrained.trained_weights import check_weights_are_there, weights_loader
from tasks.models.probabilities import closing_activation, needs_logits
from tasks.training import student
from tasks.training.distillation import DistillationSpec
from tasks.training.ensembles.member_trainings import trainings_of
from tasks.training.speed.resizing import check_small_images
from tasks.training.student import Distill

if TYPE_CHECKING:
    from torch import nn

Made = tuple[str, dict[str, Any]]
"""A factory and all its arguments."""


def check_network(recipe: Recipe, prepared: Prepared, store: Store) -> None:
    """Builds the network, loads its weights and tries it on examples; then the same for its variants.

    The variants are the networks of a search and the students of `distill`. One network of each factory is exported.

    Raises:
        InputError: a network cannot be built or does not fit the data, the weights do not fit the network, nothing says
            what stands in front of them, a step names a layer that does not exist, a network would fail after the
            training, or it answers with probabilities where logits are needed.
    """
    if recipe.model.networks is not None:
        check_ensemble_members(recipe, prepared, store)
        return
    check_transfer(recipe, prepared)
    made = factory.complete_factory(recipe.model, prepared)
    build = builder(recipe, made, prepared)
    network = build(0)
    is_behind = recipe.model.transfer != "scratch" and (recipe.model.brings_weights or recipe.model.is_transferred)
    if is_behind and not recipe.preprocess:
        what = "model.weights" if recipe.model.weights else "the network"
        law = f"must say what the weights of {what} were trained behind: its steps, or none for raw values"
        raise InputError(law, path="preprocess", nearest="none")
    check_layers(recipe, [name for name, _ in network.named_modules() if name])
    network_checks.check_untrained(build, recipe.train.seed, prepared, recipe.export.tolerance, store)
    check_logits(recipe, network, prepared, store)
    check_sizes(recipe, network, prepared, store)
    check_searched_models(recipe, made, prepared, store)
    check_students(recipe, prepared, store)


def check_ensemble_members(recipe: Recipe, prepared: Prepared, store: Store) -> None:
    """Tries every member of an ensemble of networks, their average, the members of a search, and the students.

    Raises:
        InputError: as `check_network`; of a member, with its path.
    """
    makers: list[Made] = []
    for place, each in enumerate(trainings_of(recipe.model, recipe.train)):
        try:
            made = factory.complete_factory(each.model, prepared)
            if made not in makers:
                name = factory.architecture_of(each.model, prepared)
                check_variant(name, made, each.train.seed, prepared, recipe.export.tolerance, store)
        except InputError as error:
            path = str(error.path).removeprefix("model.")
            own = recipe.model.networks and recipe.model.networks.members
            is_own = own and (own[place].factory or own[place].family or path.startswith("arguments."))
            raise error.at(path=f"model.ensemble.members.{place}.{path}" if is_own else f"model.{path}") from error
        makers.append(made)
    arguments = described(
        makers, [1 / len(makers)] * len(makers), "probabilities" if prepared.dataset.classes else "logits"
    )
    network = factory.build_network(AVERAGED, arguments)
    check_layers(recipe, [name for name, _ in network.named_modules() if name])
    check_searched_models(recipe, makers[0], prepared, store)
    check_students(recipe, prepared, store)


def check_transfer(recipe: Recipe, prepared: Prepared) -> None:
    """Checks that `model.transfer` has data and weights that it suits.

    Raises:
        InputError: the data are a table, or there are no weights.
    """
    if recipe.model.transfer is not None and prepared.dataset.kind == "table":
        law = "suits pictures and arrays; no trained network knows the columns of a table"
        raise InputError(law, path="model.transfer", value=recipe.model.transfer, nearest="model: {family: auto}")
    check_weights_are_there(recipe.model, prepared)


def builder(recipe: Recipe, made: Made, prepared: Prepared) -> Callable[[int], nn.Module]:
    """A function from a seed to the network with the recipe's weights, if there are any, in evaluation mode.

    Raises:
        InputError: the weights cannot be read or fetched; later, that they do not fit the network.
    """
    load = weights_loader(recipe.model, prepared)

    def build(seed: int) -> nn.Module:
        network = factory.build_network(*made, seed=seed)
        load(network)
        return network

    return build


def check_logits(recipe: Recipe, network: nn.Module, prepared: Prepared, store: Store) -> None:
    """Checks that a network of classes gives logits where the recipe needs them: in training, metric and recovery.

    Raises:
        InputError: it gives probabilities; names the part of the recipe that needs logits.
    """
    kind = activation(network, prepared, store)
    if kind is None:
        return
    law = needs_logits(factory.architecture_of(recipe.model, prepared))
    nearest = f"the network without its {kind}"
    if recipe.model.further:
        raise InputError(law, path="model.further", nearest=f"{nearest}, or retrain: {{fine_tune: false}}")
    if not recipe.model.is_trained:
        raise InputError(law, path="train", nearest=nearest)
    if metric_of(metric_spec(recipe.goal, prepared.dataset)).needs_logits:
        raise InputError(law, path="goal.metric", value=recipe.goal.metric, nearest=f"accuracy, or {nearest}")
    asked = recipe.compress.branches if recipe.compress else ()
    for place, branch in enumerate(branches_of(recipe).branches):
        for index, step in enumerate(branch.steps):
            if isinstance(step, DistillationSpec):
                path = f"compress.branches.{place}.steps.{index}" if asked else "compress"
                raise InputError(law, path=path, value=step.model_dump()["step"], nearest=nearest)
    if recipe.compress and recipe.compress.search is not None:
        raise InputError(law, path="compress.search", nearest=nearest)


def check_sizes(recipe: Recipe, network: nn.Module, prepared: Prepared, store: Store) -> None:
    """Checks that the network takes the smallest images of its training.

    Raises:
        InputError: it takes images of one size only.
    """
    share = recipe.train.progressive_resizing
    if share is None or (recipe.model.is_trained and not recipe.model.further):
        return
    try:
        check_small_images(network, network_checks.first_examples(prepared, store), share)
    except Refusal as answer:
        raise InputError(str(answer), path="train.progressive_resizing", value=share) from None


def activation(network: nn.Module, prepared: Prepared, store: Store) -> str | None:
    """`softmax` or `sigmoid` when a network of classes ends with it, so that its answers are probabilities."""
    if not prepared.dataset.classes:
        return None
    return closing_activation(network, network_checks.first_examples(prepared, store))


def check_searched_models(recipe: Recipe, main: Made, prepared: Prepared, store: Store) -> None:
    """Tries the network for the model and preprocessing of each of the search space's `probes`, but exports none.

    Args:
        recipe: the recipe.
        main: factory and arguments of the network that has been tried already.
        prepared: the data with their preprocessing.
        store: holds the examples, and gets those with another preprocessing.

    Raises:
        InputError: one cannot be built or does not fit the data, or steps do not; names the path of the search space.
    """
    tried: list[tuple[Made, str]] = [(main, prepared.fitted)]

    def check(other: Recipe) -> None:
        is_same = (other.preprocess, other.text_encoding) == (recipe.preprocess, recipe.text_encoding)
        given = prepared.dataset, other.preprocess, store, other.target_unit, other.text_encoding
        data = prepared if is_same else preprocess(*given)
        made = factory.complete_factory(other.model, data)
        if (made, data.fitted) not in tried:
            tried.append((made, data.fitted))
            check_variant(str(other.model.factory), made, other.train.seed, data, None, store)

    try_points(recipe, check)


def check_students(recipe: Recipe, prepared: Prepared, store: Store) -> None:
    """Tries the student of every `distill` step; one of each factory is exported.

    Raises:
        InputError: one does not fit the data, or answers with probabilities; names the step and its knob.
    """
    tried: list[Made] = []
    known = {recipe.model.factory}
    for place, branch in enumerate(recipe.compress.branches if recipe.compress else ()):
        step, path = branch.steps[0], f"compress.branches.{place}.steps.0."
        if isinstance(step, Distill) and (made := student.complete_student(step, prepared, path)) not in tried:
            tried.append(made)
            tolerance = None if step.factory in known else recipe.export.tolerance
            known.add(step.factory)
            try:
                check_variant(step.factory, made, step.seed, prepared, tolerance, store)
            except InputError as error:
                raise error.at(path=f"{path}factory") from error


def check_variant(name: str, made: Made, seed: int, prepared: Prepared, tolerance: float | None, store: Store) -> None:
    """Tries a network that is trained like the recipe's own.

    Args:
        name: the factory, for messages.
        made: the factory and all its arguments.
        seed: the seed of its training.
        prepared: the data with their preprocessing.
        tolerance: as in `network_checks.check_untrained`; None: it is not exported.
        store: holds the examples.

    Raises:
        InputError: it would fail after the training, or answers with probabilities.
    """
    build = partial(factory.build_network, *made)
    network_checks.check_untrained(build, seed, prepared, tolerance, store)
    if kind := activation(build(seed), prepared, store):
        raise InputError(needs_logits(name), path=PLACE, nearest=f"the network without its {kind}")


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
