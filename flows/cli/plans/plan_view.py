"""Plan view: the data, the steps of a run in order, and their cost, as a tree in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from flows.cli.plans.plan import Plan
from flows.cli.plans.plan_cost import describe_cost
from flows.cli.plans.plan_search import (
    add_search,
    add_training_search,
    full_search,
    space_lines,
)
from flows.pipeline.branches import control_branches
from flows.pipeline.engines.engine_branches import uses_second_engine
from flows.pipeline.simple.own_models import own_words
from flows.pipeline.simple.tournament import ENTRANTS
from flows.recipe.default_branches import branches_of
from flows.recipe.schema import Recipe
from flows.results.pretrained_text import TRANSFERS
from tasks.compression.branch import step_title
from tasks.evaluation.engines import second_runtimes_of
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.models.factory import architecture_of
from tasks.training.ensembles.member_trainings import trainings_of
from tasks.training.simple.ensemble_spec import ensemble_of


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
