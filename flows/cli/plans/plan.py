"""Plan: validates a recipe against its data without training, and times a few steps of its network."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flows.cli.plans.plan_search import (
    trial_seconds,
)
from flows.pipeline.simple.own_models import keep_columns, settle_model
from flows.recipe.data_checks import check_model_file, check_recipe
from flows.recipe.data_defaults import fill_defaults
from flows.recipe.schema import Recipe
from flows.results import data_profile, pretrained_text
from tasks.conversion import onnx_import
from tasks.core import Context, Prepared, Store, Workspace
from tasks.data import ingestion, preprocessing
from tasks.models.factory import build_network, complete_factory
from tasks.training.ensembles.member_trainings import trainings_of

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Plan:
    """The plan of a run: its data and what its training would cost."""

    recipe: Recipe
    prepared: Prepared
    epoch_seconds: float
    """Estimated seconds of one epoch on this machine; 0 for an ONNX file, which is not trained."""
    parameters: int
    """Number of parameters of the baseline."""
    trial_seconds: float = 0.0
    """Estimated seconds of one trial of a search for a simple model; 0 without one."""
    data: tuple[str, ...] = ()
    """What was understood of the data, as lines of text."""
    doubts: tuple[str, ...] = ()
    """Sentences on what looks wrong in the data."""
    interface: tuple[str, ...] = ()
    """Inputs and outputs of an imported ONNX file and of its product, as lines of text; empty for other models."""


def plan_run(recipe: Recipe, workspace: Workspace) -> Plan:
    """Reads the data, checks the model and all settings, and times a batch of training.

    Raises:
        InputError: as `optimize` raises before it trains.
    """
    recipe = settle_model(recipe)
    check_model_file(recipe)
    store = workspace.store
    dataset = ingestion.ingest(recipe.data, ingestion.source_stamp(recipe.data), Context(workspace))
    dataset = keep_columns(recipe, dataset)
    prepared = preprocessing.preprocess(dataset, recipe.preprocess, store, recipe.target_unit, recipe.text_encoding)
    recipe = fill_defaults(recipe, dataset)
    if recipe.model.file is not None:
        prepared = onnx_import.arrange_inputs(prepared, recipe.model.file, bool(recipe.preprocess), store)
    check_recipe(recipe, prepared, store)
    return replace(
        plan_model(recipe, prepared, store),
        data=tuple(data_profile.profile_lines(prepared.dataset, store)),
        doubts=(
            *pretrained_text.network_doubts(recipe, dataset),
            *data_profile.doubts(dataset, store, recipe.goal.metric, recipe.preprocess),
        ),
    )


def plan_model(recipe: Recipe, prepared: Prepared, store: Store) -> Plan:
    """The plan of a recipe that has been checked: what its model costs."""
    if recipe.model.file is not None:
        return plan_file(recipe, prepared, store)
    if recipe.model.is_simple:
        return Plan(recipe, prepared, 0.0, 0, trial_seconds(recipe, prepared, store) if recipe.search else 0.0)
    if recipe.model.networks is not None:
        return plan_members(recipe, prepared, store)
    network = build_network(*complete_factory(recipe.model, prepared))
    seconds = seconds_per_example(network, prepared, recipe) * prepared.dataset.splits["train"].count
    return Plan(recipe, prepared, seconds, sum(weight.numel() for weight in network.parameters()))


def plan_members(recipe: Recipe, prepared: Prepared, store: Store) -> Plan:
    """The plan of an ensemble of networks: all its parameters, and the mean seconds of an epoch of a member."""
    alone = [
        plan_model(recipe.model_copy(update={"model": each.model, "train": each.train}), prepared, store)
        for each in trainings_of(recipe.model, recipe.train)
    ]
    seconds = sum(each.epoch_seconds for each in alone) / len(alone)
    return Plan(recipe, prepared, seconds, sum(each.parameters for each in alone))


def plan_file(recipe: Recipe, prepared: Prepared, store: Store) -> Plan:
    """The plan of a recipe whose model is an ONNX file. Raises InputError when the file does not fit the recipe."""
    from tasks.kernels.onnx import description

    asked = bool(recipe.preprocess)
    found = onnx_import.check_onnx_model(recipe.model, prepared, asked, recipe.goal, recipe.runtime, store)
    product = onnx_import.serialize_product(found, prepared)
    parameters = description.describe(product).parameters
    lines = (
        f"the file: {interface_line(found.settled)}",
        f"the product: {interface_line(product)}",
        f"in front of the file: {found.front.words}; measured: {found.measured.name}, read as {found.measured.form}",
    )
    return Plan(recipe, prepared, 0.0, parameters, interface=lines)


def interface_line(model: bytes) -> str:
    """The inputs and outputs of an ONNX file with their types and shapes, as text."""
    from tasks.kernels.onnx import description

    inputs, outputs = description.interface(model)
    return f"takes {description.listed(inputs)}, gives {description.listed(outputs)}"


def seconds_per_example(network: nn.Module, prepared: Prepared, recipe: Recipe) -> float:
    """Seconds of a forward and backward pass per example, from the second of two batches of zeros.

    Leaves gradients in the network, and leaves it in training mode.
    """
    import torch

    size = min(recipe.train.batch_size, prepared.dataset.splits["train"].count)
    batch = torch.zeros(size, *prepared.input_shape)
    network.train()
    seconds = 0.0
    for _ in range(2):
        started = time.perf_counter()
        network(batch).square().mean().backward()
        seconds = time.perf_counter() - started
    return seconds / size
