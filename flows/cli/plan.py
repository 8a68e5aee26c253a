"""Plan: validates a recipe against its data without training, and prints its steps and their cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from flows.cli.plan_search import (
    add_search,
    add_training_search,
    full_search,
    max_minutes,
    space_lines,
    trial_seconds,
)
from flows.pipeline.branches import control_branches
from flows.pipeline.engines.engine_branches import uses_second_engine
from flows.pipeline.simple.own_models import keep_columns, own_words, settle_model
from flows.pipeline.simple.tournament import ENTRANTS, MINUTES
from flows.recipe.data_checks import check_model_file, check_recipe
from flows.recipe.data_defaults import fill_defaults
from flows.recipe.default_branches import branches_of
from flows.recipe.schema import Recipe
from flows.results import data_profile, pretrained_text
from flows.results.pretrained_text import TRANSFERS
from tasks.compression.branch import Compress, is_training, step_title
from tasks.conversion import onnx_import
from tasks.core import Context, Prepared, Store, Workspace, canonical_json
from tasks.data import ingestion, preprocessing
from tasks.evaluation.engines import second_runtimes_of
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.models.factory import architecture_of, build_network, complete_factory
from tasks.search.search_spec import Search
from tasks.training.distillation import DistillationSpec
from tasks.training.ensembles.member_trainings import trainings_of
from tasks.training.simple.ensemble_spec import ensemble_of

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


def show_plan(plan: Plan, console: Console) -> None:
    """Prints the data, the steps in order, and the cost of training."""
    recipe, dataset = plan.recipe, plan.prepared.dataset
    counts = ", ".join(f"{split.count:,} {name}" for name, split in dataset.splits.items())
    tree = Tree(f"[bold]{recipe.name}[/]")
    left_out = f"; {len(dataset.skipped)} skipped, the first is {dataset.skipped[0]}" if dataset.skipped else ""
    data = tree.add(f"ingest [cyan]{escape(dataset.source)}[/]: {dataset.kind}, {dataset.task}; {counts}{left_out}")
    for line in plan.data:
        data.add(escape(line))
    for line in plan.doubts:
        data.add(f"[yellow]look at this: {escape(line)}[/]")
    tree.add("preprocess: " + (", ".join(step.step for step in recipe.preprocess) or "the defaults"))
    add_baseline(tree, plan)
    add_branches(tree, plan)
    runtime = recipe.runtime
    processes = runtime.processes if runtime.processes == 3 else f"3 to {runtime.processes}"
    others = ", ".join(second_runtimes(recipe))
    second = f" and, where it looks faster, in {others}" if others else ""
    tree.add(
        f"evaluate on validation in ONNX Runtime{second}: {runtime.provider}, {runtime.threads} thread(s), batch "
        f"{runtime.batch}, {processes} processes, interleaved"
    )
    goal = recipe.goal
    bound = goal.limits.group_drop
    groups = "" if bound is None else f", in every group within {bound:g}"
    title = metric_of(metric_spec(goal, dataset)).title
    tree.add(f"select: {title} within {goal.max_drop:g}{groups} ({goal.proof}), least {goal.minimize}")
    tree.add("test once → register in MLflow → report")
    console.print(tree, highlight=False)
    console.print(f"[bold]Cost[/]: {describe_cost(plan)}", highlight=False)


def second_runtimes(recipe: Recipe) -> list[str]:
    """The ways in which a second engine may run the files, as text; none where it is not tried."""
    return [record.words for record in second_runtimes_of(recipe.runtime)] if uses_second_engine(recipe) else []


def add_baseline(tree: Tree, plan: Plan) -> None:
    """Adds the lines of the search over training values and of the baseline."""
    recipe = plan.recipe
    if recipe.search and recipe.is_searched:
        add_training_search(tree, recipe, recipe.search)
    if recipe.search and recipe.model.is_simple and "model.family" in recipe.search.space:
        tree.add("fit the best of them")
        return
    if recipe.model.networks is not None:
        add_members(tree, plan)
        return
    if recipe.model.family is not None:
        what = f"each of {', '.join(each.name for each in ENTRANTS)}; the best on validation is the baseline"
        tree.add(escape(own_words(recipe) or f"fit {what if recipe.model.family == 'auto' else recipe.model.family}"))
        return
    if recipe.model.simple_ensemble is not None:
        tree.add(escape(f"fit {step_title(ensemble_of(recipe.model, recipe.train.seed))}"))
        return
    if recipe.model.file is not None:
        file = f"[cyan]{recipe.model.file}[/], {plan.parameters:,} parameters"
        loaded = tree.add(f"load {file}, as it is")
        for line in plan.interface:
            loaded.add(escape(line))
        return
    factory = architecture_of(recipe.model, plan.prepared)
    network = f"[cyan]{factory}[/], {plan.parameters:,} parameters"
    source = f" from {recipe.model.weights}" if recipe.model.weights else ""
    if recipe.model.is_transferred:
        tree.add(f"transfer {network}{source}: {TRANSFERS[str(recipe.model.transfer)]}")
        return
    if recipe.model.is_trained:
        more = f", and train it further: at most {recipe.train.epochs} epochs" if recipe.model.further else ""
        tree.add(f"load {network}{source}{more}")
        return
    tree.add(f"train {network}: at most {recipe.train.epochs} epochs")


def add_members(tree: Tree, plan: Plan) -> None:
    """Adds the line of an ensemble of networks, with one for the training of each member."""
    recipe, ensemble = plan.recipe, plan.recipe.model.networks
    assert ensemble is not None
    how = f"average of {ensemble.average}, {ensemble.weights} weights; {plan.parameters:,} parameters"
    if ensemble.trials:
        tree.add(f"train an ensemble of the {ensemble.trials} best trials: {how}")
        return
    trainings = trainings_of(recipe.model, recipe.train)
    members = tree.add(f"train an ensemble of {len(trainings)} networks: {how}")
    for each in trainings:
        factory = architecture_of(each.model, plan.prepared)
        members.add(
            f"{each.name.partition(':')[0]}: {factory}, at most {each.train.epochs} epochs, seed {each.train.seed}"
        )


def add_branches(tree: Tree, plan: Plan) -> None:
    """Adds a line for each branch with its steps, then the dense controls, then the search for branches."""
    if plan.recipe.model.family == "auto" and not (plan.recipe.compress and plan.recipe.compress.branches):
        tree.add("compress: the other models, and fewer trees of each")
        return
    search = plan.recipe.search
    is_open = search is not None and plan.recipe.model.is_simple and "model.family" in search.space
    if is_open and not (plan.recipe.compress and plan.recipe.compress.branches):
        tree.add("compress: smaller forms of the family that the search finds, and a linear model")
        return
    compress = branches_of(plan.recipe)
    default = not (plan.recipe.compress and plan.recipe.compress.branches)
    branches = tree.add("compress" + (" (the default branches)" if default else ""))
    for branch in compress.branches:
        branches.add(f"{branch.name}: " + " → ".join(map(step_title, branch.steps)))
    for branch in control_branches(compress.branches):
        branches.add(f"[dim]{branch.name}: " + " → ".join(map(step_title, branch.steps)))
    if compress.search:
        more = full_search(plan.recipe)
        add_search(branches, "search for more", more, list(space_lines(more.space)))


def describe_cost(plan: Plan) -> str:
    """The most epochs and minutes of training on this machine, as text."""
    recipe, compress = plan.recipe, branches_of(plan.recipe)
    recovered = recoveries(compress)
    model = recipe.model
    is_ready = (model.is_trained and not model.further) or model.transfer == "features"
    parts = [] if is_ready else [epochs_of("training", trained_epochs(recipe), plan)]
    if recipe.search and recipe.is_searched:
        parts.append(cost_of_search(recipe.search, plan))
    parts.append(epochs_of("recovery", sum(step.most_epochs for step in recovered if not step.minutes), plan))
    parts.append(("", sum(step.minutes or 0 for step in recovered)))
    if recipe.model.family == "auto":
        minutes = recipe.model.minutes or MINUTES
        parts.append((f"{minutes:g} minutes of fitting and one model more", minutes))
    if compress.search:
        budget = full_search(recipe).budget
        parts.append((f"a search for branches ({budget})", max_minutes(recipe, plan.epoch_seconds)))
    words = ", ".join(said for said, _ in parts if said)
    minutes = sum(each for _, each in parts)
    return f"at most {words or 'no training'}: about {minutes:.1f} minutes of training on this machine"


def trained_epochs(recipe: Recipe) -> int:
    """The most epochs of the baseline's training; of an ensemble of networks, of all its members."""
    if recipe.model.networks is None:
        return recipe.train.epochs
    epochs = sum(each.train.epochs for each in trainings_of(recipe.model, recipe.train))
    return epochs * (recipe.model.networks.trials or 1)


def epochs_of(name: str, epochs: int, plan: Plan) -> tuple[str, float]:
    """(text, minutes) of a number of epochs; the text is empty for 0 epochs."""
    return f"{epochs} epochs of {name}" if epochs else "", epochs * plan.epoch_seconds / 60


def cost_of_search(search: Search, plan: Plan) -> tuple[str, float]:
    """(text, minutes) of the most that a search over training values costs.

    That is the time of all its epochs or fits, one trial after the other, or its own time limit if that is shorter.
    """
    if plan.recipe.model.is_simple:
        said, minutes = f"{search.count or 'many'} trials of search", (search.count or 0) * plan.trial_seconds / 60
        return within_limit(search, said, minutes)
    epochs = plan.recipe.train.epochs
    each = min(search.epochs or epochs, epochs)
    if search.algorithm == "pbt":
        each = -(-each // search.generations)
    return within_limit(search, *epochs_of("search", (search.count or 0) * each, plan))


def within_limit(search: Search, said: str, minutes: float) -> tuple[str, float]:
    """(text, minutes) of a search, or its own time limit if that is shorter."""
    if search.minutes and (search.count is None or search.minutes < minutes):
        return f"{search.minutes:g} minutes of search", search.minutes
    return said, minutes


def recoveries(compress: Compress) -> list[DistillationSpec]:
    """The training steps of the branches and controls; a step after the same steps from the start counts once."""
    branches = [*compress.branches, *control_branches(compress.branches)]
    prefixes = {
        canonical_json([step.model_dump(mode="json") for step in branch.steps[: place + 1]]): step
        for branch in branches
        for place, step in enumerate(branch.steps)
    }
    return [step for step in prefixes.values() if is_training(step)]
