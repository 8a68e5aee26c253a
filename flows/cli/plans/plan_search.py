"""Plan of searches: the space and the largest cost of a search, shown before it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from flows.recipe.default_branches import branches_of
from flows.trials.simple_trial import SimpleTrial
from tasks.compression.branch import Branch, CompressionSearch, is_training
from tasks.compression.search_space import branch_space
from tasks.compression.search_space.branch_space import FINISH, NOTHING, REDUCE, TOGETHER, reductions_of
from tasks.compression.search_space.branch_starts import START, starts_of
from tasks.compression.search_space.template_space import BRANCH
from tasks.core import InputError
from tasks.data.preprocessing import column_steps
from tasks.search.guide import REDUCTION, RUNG
from tasks.training.simple.fit_spec import fit_of
from tasks.training.simple.fit_table import fit_rows
from tasks.training.simple.table_rows import rows_of

if TYPE_CHECKING:
    from rich.tree import Tree

    from flows.recipe.schema import Recipe
    from tasks.core import Prepared, Store
    from tasks.search.domains import Domain
    from tasks.search.search_spec import Search, SearchBudget

TIMED = 2000
"""About how many rows a fit is timed on."""


def add_search(tree: Tree, label: str, search: SearchBudget, lines: Sequence[str]) -> None:
    """Adds a line with a search's budget, algorithm and resources, and below it one for each of `lines`.

    Args:
        label: what the search is called.
        lines: the paths of its space with their domains, as text.
    """
    from rich.markup import escape

    resources = search.resources
    share = f"{resources.cpus:g} CPU" + (f" and {resources.gpus:g} GPU" if resources.gpus else "")
    at_once = f"at most {search.concurrency} at once" if search.concurrency else "as many at once as fit"
    way = f"{search.way}; {share} a trial, {at_once}"
    branch = tree.add(f"{label}: {search.budget}, {way}")
    for line in lines:
        branch.add(escape(line))


def add_training_search(tree: Tree, recipe: Recipe, search: Search) -> None:
    """Adds the search before the baseline, with its space."""
    if recipe.model.is_simple:
        search = search.model_copy(update={"scheduler": "none"})
    add_search(tree, "tune", search, [f"{path}: {domain}" for path, domain in search.space.items()])


def trial_seconds(recipe: Recipe, prepared: Prepared, store: Store) -> float:
    """Estimated seconds of a trial of a search for a simple model, from a fit of the recipe's own to some rows."""
    objective = SimpleTrial(recipe, prepared)
    spec, steps = fit_of(recipe.model, recipe.train.seed), column_steps(recipe.preprocess)
    frame, targets = rows_of(prepared, "train", store)
    every = max(1, len(frame) // TIMED)
    some, started = (frame.iloc[::every], targets[::every]), time.perf_counter()
    try:
        fit_rows(some, some, prepared.dataset, spec, steps)
    except InputError:  # a rare class is not among these rows
        return 0.0
    return (time.perf_counter() - started) * every * len(objective.folds(store))


def full_search(recipe: Recipe) -> CompressionSearch:
    """The recipe's compression search with its whole space.

    A run leaves out the techniques that refuse the baseline; which ones do is known only in the run. The recipe must
    have such a search.
    """
    compress = branches_of(recipe)
    assert compress.search is not None
    form: Literal["torch", "onnx"] = "torch" if recipe.model.file is None else "onnx"
    starts = starts_of(compress.branches)
    space = branch_space.space_of(compress.search, compress.branches, form, recipe.goal.minimize, starts=starts)
    return compress.search.model_copy(update={"space": space})


def space_lines(space: Mapping[str, Domain]) -> Iterator[str]:
    """The space of a compression search as text, one line for each path.

    Where the steps themselves are searched, the first lines say which techniques may be combined.
    """
    if BRANCH in space:
        yield from (f"{path}: {without_condition(domain, BRANCH)}" for path, domain in space.items())
        return
    parts = list(dict.fromkeys(part for order in space[REDUCE].ends() for part in reductions_of(str(order))))
    some = f", or up to {TOGETHER} of {', '.join(parts)}, in any order" if parts else ""
    yield f"reduced by {NOTHING}{some}"
    if START in space:
        yield f"begun at the {' or at '.join(map(str, space[START].ends()))}; there it may also recover for longer"
    yield f"finished by {' or '.join(map(str, space[FINISH].ends()))}"
    if RUNG in space:
        ends = ", then ".join(map(str, space[RUNG].ends()))
        yield (
            f"recovered for {ends} epochs; about one of {REDUCTION} branches goes on each time, the likeliest, "
            "while there is time for it"
        )
    for path, domain in space.items():
        if path not in (REDUCE, FINISH, START, RUNG):
            yield f"{path}: {without_condition(domain, REDUCE)}"


def without_condition(domain: Domain, path: str) -> Domain:
    """The domain without its condition on `path`, which is left out of the text because it is obvious."""
    return domain.model_copy(update={"when": {other: value for other, value in domain.when.items() if other != path}})


def max_minutes(recipe: Recipe, epoch_seconds: float) -> float:
    """Most minutes of training of the recipe's compression search.

    The smaller of its time limit and the time of all its trials, one after the other.

    Args:
        epoch_seconds: seconds of one epoch of the baseline.
    """
    search = full_search(recipe)
    bounds = [] if search.minutes is None else [search.minutes]
    if search.count is not None:
        bounds.append(search.count * longest_trial(search.space, branches_of(recipe).branches, epoch_seconds))
    return min(bounds)


def longest_trial(space: Mapping[str, Domain], branches: Sequence[Branch], epoch_seconds: float) -> float:
    """Most minutes of training of one trial, which may be one rung.

    `epoch_seconds` are the seconds of one epoch of the baseline.
    """
    if RUNG in space:
        longest = max(int(end - begin) for begin, end in pairwise((0, *space[RUNG].ends())))
        return longest * epoch_seconds / 60
    if BRANCH not in space:
        return branch_space.longest(space, branches) * epoch_seconds / 60

    def most(path: str, otherwise: float | None) -> float:
        return max(space[path].ends()) if path in space else otherwise or 0.0

    def minutes(branch: Branch) -> float:
        places = ((f"{branch.name}.{place}", step) for place, step in enumerate(branch.steps) if is_training(step))
        return sum(
            most(f"{place}.minutes", step.minutes) or most(f"{place}.epochs", step.most_epochs) * epoch_seconds / 60
            for place, step in places
        )

    return max(minutes(branch) for branch in branches if space[BRANCH].has(branch.name))
