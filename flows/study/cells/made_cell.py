"""Made cell: the model of one setting with one seed: its recipe, its data, its training and its further steps."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from pydantic import ValidationError

from flows.pipeline.branches import run_branch
from flows.pipeline.preparation import prepare_again, start_branches
from flows.pipeline.run_context import Job, RunContext
from flows.pipeline.training_search import tune_training
from flows.recipe.data_checks import check_augmentations, check_recipe, check_trainings
from flows.recipe.points import with_point
from flows.recipe.schema import Recipe
from flows.study.cells.file_comparison import score
from flows.study.cells.suspects import without_suspects
from flows.study.study_context import Study, branch_name, changed_values, title_of
from tasks.compression.branch import Branch
from tasks.conversion.engine_trials import in_first_engine
from tasks.core import Candidate, InputError, Prepared, Refusal, Store, digest_of
from tasks.core.errors import in_one_line
from tasks.data.splits.train_rows import draw_train_rows
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.study.design import Cell

TUNING = 1_000
"""Added to the recipe's seed: the seed with which the best of a cell's options is chosen."""
SEEDED = ("recover", "distill")
"""Steps of a branch that have a seed."""
OF_TRAINING = ("train.", "augment")
"""Beginnings of the paths that leave the network as it is."""
PREPARING = ("preprocess", "text_encoding", "target_unit")
"""What of a recipe decides how the data are prepared."""
SIMPLE_SHARE = 0.9
"""Share of the train rows that a seed draws for a simple model, whose fit has no randomness of its own."""


@dataclasses.dataclass(frozen=True)
class Made:
    """A cell that was made with one seed."""

    file: Candidate
    seconds: float
    """Of its training, or of its search."""
    choice: str
    curve: tuple[tuple[int, float], ...]


def make_cell(cell: Cell, seed: int, study: Study) -> Made:
    """Trains or fits a cell's model with this seed, and runs its further steps.

    Raises:
        Refusal: it cannot be made.
        InputError: the recipe does not take its values.
    """
    option = choose_values(cell, study) if cell.options else None
    run, seconds = make_run(cell, option, study.recipe.train.seed + seed, study)
    store, choice = study.job.store, title_of(cell.options[option]) if option is not None else ""
    if not cell.steps:
        return Made(as_it_runs(run.baseline.exported, run), seconds, choice, curve_of(run.baseline.model, store))
    steps = [with_seed(step, run.recipe.train.seed) for step in cell.steps]
    result = run_branch(Branch.model_validate({"name": branch_name(cell), "steps": steps}), "candidate", run)
    if result.product is None:
        raise Refusal(result.refusal or "it has no file")
    last = result.stages[-1].model
    return Made(as_it_runs(result.product, run), training_seconds(last, store), choice, curve_of(last, store))


def as_it_runs(file: Candidate, run: RunContext) -> Candidate:
    """A file in the engine that the recipe names first; that of a simple model in ONNX Runtime, which runs trees.

    Raises:
        Refusal: the engine cannot run it, or answers otherwise.
    """
    recipe = run.recipe
    return file if recipe.model.is_simple else in_first_engine(file, recipe.runtime, run.prepared, run.job.store)


def with_seed(step: Mapping[str, object], seed: int) -> dict[str, object]:
    """A step with this seed, where it is one that trains."""
    return {**step, "seed": seed} if step["step"] in SEEDED else dict(step)


def choose_values(cell: Cell, study: Study) -> int:
    """The place of the option that is best on validation with a seed of its own; the first of equals."""
    key = digest_of([cell.name, plain_values(cell.values), plain_values(cell.options)])
    if key not in study.chosen:
        files = {}
        for place in range(len(cell.options)):
            try:
                seed = study.recipe.train.seed + TUNING
                files[str(place)] = make_run(cell, place, seed, study)[0].baseline.exported
            except (Refusal, InputError):
                continue  # another option may do
        if not files:
            raise Refusal("none of its settings could be trained")
        scores = score(files, next(iter(files)), study)
        oriented = metric_of(metric_spec(study.recipe.goal, study.prepared.dataset)).oriented
        study.chosen[key] = int(max(scores, key=lambda name: oriented(scores[name].score.value)))
    return study.chosen[key]


def make_run(cell: Cell, option: int | None, seed: int, study: Study) -> tuple[RunContext, float]:
    """The baseline of a cell's recipe, and the seconds of its training or search.

    Raises:
        Refusal: it cannot be made.
        InputError: the recipe does not take the cell's values.
    """
    values = changed_values(cell, option)
    key = digest_of([plain_values(values), cell.train_share, cell.without_suspects, seed])
    job = dataclasses.replace(study.job, recipe=recipe_with(study.recipe, values, seed))
    prepared = prepared_for(cell, seed, job, study)
    if key not in study.made:
        check_cell(cell, values, job.recipe, prepared, study)
        job, tuned = tune_training(job, prepared)
        searched = sum(trial.seconds for trial in tuned.trials) if tuned else 0.0
        run = start_branches(job, prepared)
        study.made[key] = run, searched + training_seconds(run.baseline.model, job.store)
    return study.made[key]


def check_cell(cell: Cell, values: Mapping[str, object], recipe: Recipe, prepared: Prepared, study: Study) -> None:
    """Tries a cell's recipe on the data, once for all seeds. The study's own network has been tried before.

    Raises:
        InputError: the recipe does not suit the data.
    """
    key = digest_of([plain_values(values), cell.train_share, cell.without_suspects])
    if not values or key in study.checked:
        return
    if all(path.startswith(OF_TRAINING) for path in values):
        check_augmentations(recipe, prepared, study.job.store)
        check_trainings(recipe, prepared, study.job.store)
    else:
        check_recipe(recipe, prepared, study.job.store)
    study.checked.add(key)


def recipe_with(recipe: Recipe, values: Mapping[str, object], seed: int) -> Recipe:
    """The recipe with these values at their paths, and with this seed. Raises InputError if it does not take them."""
    try:
        found = with_point(recipe, dict(values)) if values else recipe
    except ValidationError as error:
        raise InputError(in_one_line(error)) from error
    # A recipe with a simple model has no section `train`, but its fits have the seed.
    seeded: dict[str, object] = {"train": found.train.model_copy(update={"seed": seed})}
    if found.search is not None:
        seeded["search"] = found.search.model_copy(update={"seed": seed})
    return found.model_copy(update=seeded)


def prepared_for(cell: Cell, seed: int, job: Job, study: Study) -> Prepared:
    """The data as the cell's training gets them: with its preprocessing and its train rows."""
    share = cell.train_share * (SIMPLE_SHARE if job.recipe.model.is_simple else 1.0)
    dataset, run = study.prepared.dataset, job.runner.run
    if cell.without_suspects:
        dataset = without_suspects(study)
    if share < 1:
        dataset = run(f"draw {share:.3g} of the train rows", draw_train_rows, dataset, share, seed, job.store)
    is_own = all(getattr(job.recipe, name) == getattr(study.recipe, name) for name in PREPARING)
    if is_own and dataset is study.prepared.dataset:
        return study.prepared
    return prepare_again(job, dataclasses.replace(study.prepared, dataset=dataset))


def training_seconds(model: Candidate, store: Store) -> float:
    """The seconds of all trainings and fits in a model's lineage, as they were recorded."""
    records = [store.get_json(step.record) for step in model.lineage if step.record]
    return float(sum(60 * record.get("minutes", 0.0) + record.get("seconds", 0.0) for record in records))


def curve_of(model: Candidate, store: Store) -> tuple[tuple[int, float], ...]:
    """(epoch, validation loss) of the last training in a model's lineage; empty without one."""
    for step in reversed(model.lineage):
        curve = store.get_json(step.record).get("curve") if step.record else None
        if curve:
            return tuple((each["number"], each["validation_loss"]) for each in curve)
    return ()


def plain_values(values: object) -> object:
    """Values as plain data, for a digest."""
    return json.loads(json.dumps(values, default=dict))
