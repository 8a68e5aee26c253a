"""Study context: the recipe of a study with everything settled, its data, and the models that were made so far."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.pipeline.preparation import prepare_data
from flows.pipeline.run_context import Job, RunContext
from flows.pipeline.simple.own_models import settle_model
from flows.pipeline.simple.tournament import settle_family
from flows.recipe.data_checks import check_model_file, check_recipe
from flows.recipe.data_defaults import fill_defaults
from flows.recipe.schema import Recipe
from flows.study.study_outcome import Suspect
from tasks.core import Prepared
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.study.design import Cell
from tasks.study.verdicts import MetricUnit

MOST_LETTERS = 50
"""Letters of a branch's name at most, which leaves room for what may be added."""


@dataclass
class Study:
    """A study under way."""

    job: Job
    """The recipe with its defaults filled in, one family of a simple model, and no search."""
    prepared: Prepared
    asked: Recipe
    """The recipe as it was given, with the family that the tournament chose."""
    made: dict[str, tuple[RunContext, float]] = field(default_factory=dict)
    """Digest of a setting and its seed → the baseline that was made with it, and the seconds of its training."""
    chosen: dict[str, int] = field(default_factory=dict)
    """Digest of a cell → the place of the option that was best."""
    checked: set[str] = field(default_factory=set)
    """Digests of the settings that were tried on the data."""
    suspects: tuple[Suspect, ...] | None = None
    """The train rows that look mislabelled; None before they are looked for."""

    @property
    def recipe(self) -> Recipe:
        """The settled recipe."""
        return self.job.recipe

    @property
    def unit(self) -> MetricUnit:
        """How differences of the metric are written."""
        metric = metric_of(metric_spec(self.recipe.goal, self.prepared.dataset))
        low, high = metric.bounds
        return MetricUnit(100.0, "points") if (low, high) == (0.0, 1.0) else MetricUnit(1.0, metric.title)


def begin_study(job: Job) -> Study:
    """Reads the data, fills in what the recipe leaves open, and settles the family of a simple model.

    Raises:
        InputError: the data, the model or a setting is wrong.
        Refusal: no family of simple models could be fitted.
    """
    job, prepared = read_study(job)
    job, _ = settle_family(job, prepared)
    return study_of(job, prepared)


def read_study(job: Job) -> tuple[Job, Prepared]:
    """The job with what the recipe leaves open filled in, and its data. Nothing is trained.

    Raises:
        InputError: the data, the model or a setting is wrong.
    """
    job = dataclasses.replace(job, recipe=settle_model(job.recipe))
    check_model_file(job.recipe)
    prepared = prepare_data(job)
    job = dataclasses.replace(job, recipe=fill_defaults(job.recipe, prepared.dataset))
    check_recipe(job.recipe, prepared, job.store)
    return job, prepared


def study_of(job: Job, prepared: Prepared) -> Study:
    """The study of a job whose family is settled: it measures without the recipe's own search and branches."""
    settled = job.recipe.model_copy(update={"search": None, "compress": None})
    return Study(dataclasses.replace(job, recipe=settled), prepared, job.recipe)


def changed_values(cell: Cell, option: int | None) -> Mapping[str, object]:
    """What a cell changes in the recipe, with one of its options."""
    return {**cell.values, **(cell.options[option] if option is not None else {})}


def branch_name(cell: Cell) -> str:
    """A cell's name as that of a branch: signs that a branch may not have become hyphens."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", cell.name)[:MOST_LETTERS].strip("-")


def title_of(values: Mapping[str, object]) -> str:
    """Values as text: `learning_rate 0.01`."""
    return ", ".join(
        f"{path.rpartition('.')[2]} {value:g}" if isinstance(value, float) else f"{path} {value}"
        for path, value in values.items()
    )
