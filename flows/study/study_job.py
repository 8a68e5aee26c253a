"""Study job: a whole study without Prefect: designs, rounds of measurements, recommendation and confirmation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pydantic import ValidationError

from flows.pipeline.run_context import Job
from flows.recipe.schema import Recipe
from flows.recipe.source_checks import check_sources
from flows.study.cells.made_cell import make_cell
from flows.study.cells.second_process import RunnerOpener, SecondProcess, is_of_use, start_second_process
from flows.study.cells.suspects import listed_suspects
from flows.study.confirmation import Settled, settle
from flows.study.designs import DESIGNERS
from flows.study.expected_cost import expected_seconds
from flows.study.recommendation import recommend
from flows.study.rounds import Rounds, missing_tables
from flows.study.study_context import Study, begin_study
from flows.study.study_journal import StudyJournal
from flows.study.study_outcome import Recommendation, StudyResult
from tasks.core import Context, InputError, Runner, Workspace, digest_of
from tasks.core.cache_key import identity
from tasks.evaluation.engines import timing_host
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.study.design import Design, UnsuitedTable

VERSION = 1
"""Part of a journal's name; increased when what a study measures changes its meaning."""


def design_study(study: Study) -> tuple[tuple[Design, ...], tuple[UnsuitedTable, ...]]:
    """The tables that the recipe asks for and that suit it, and those that are left out with the reason.

    Raises:
        InputError: none of them suits it.
    """
    made = [DESIGNERS[name](study) for name in DESIGNERS if name in study.recipe.study.tables]
    designs = tuple(each for each in made if isinstance(each, Design) and len(each.cells) > 1)
    single = [each for each in made if isinstance(each, Design) and len(each.cells) == 1]
    left = [UnsuitedTable(each.name, each.title, "nothing can be varied") for each in single]
    left_out = (*(each for each in made if isinstance(each, UnsuitedTable)), *left)
    if not designs:
        reasons = "; ".join(f"{each.name}: {each.reason}" for each in left_out)
        raise InputError(f"leaves nothing to vary in this recipe ({reasons})", path="study.tables")
    return designs, left_out


def run_study(
    recipe: Recipe,
    workspace: Workspace,
    runner: Runner,
    tell: Callable[[str], None],
    open_second: RunnerOpener | None = None,
) -> StudyResult:
    """Measures the tables of a study until its budget is spent, and says what they recommend.

    A study that was killed goes on where it was: its measurements are in a journal, and its steps in the store.

    Args:
        recipe: the recipe.
        workspace: where the study works.
        runner: calls every step.
        tell: called with a sentence before and after each round.
        open_second: opens the runner of a second process, which finds what this one stores and stores for it; None:
            one setting is made after the other.

    Raises:
        InputError: the recipe or the data is wrong, nothing can be varied, or the budget is too small.
        Refusal: no model can be made.
    """
    check_sources(recipe)
    study = begin_study(Job(recipe, Context(workspace), runner))
    designs, left_out = design_study(study)
    expected = expected_seconds(designs, study)
    check_budget(recipe, designs, expected)
    journal = StudyJournal(journal_path(study))
    rounds = Rounds(designs, study, journal, recipe.study, expected, tell)
    with two_at_once(study, open_second) as rounds.second:
        rounds.run()
    tables = rounds.tables()
    settled, problem = settle_recommended(study, recommend(study.asked, tables), tell)
    metric = metric_of(metric_spec(study.recipe.goal, study.prepared.dataset))
    return StudyResult(
        study.asked,
        tables,
        left_out,
        study.unit,
        metric.title,
        timing_host(study.recipe.runtime),
        study.prepared.dataset.splits["validation"].count,
        settled.changes,
        settled.confirmation,
        journal.spent / 60,
        missing_tables(designs, tables),
        problem,
        tuple((name, each) for name, found in journal.rounds for each in found),
        metric.lower_is_better,
        listed_suspects(study, tables),
        settled.withdrawn,
    )


def settle_recommended(
    study: Study, recommendations: tuple[Recommendation, ...], tell: Callable[[str], None]
) -> tuple[Settled, str]:
    """The changes that are left once both recipes were optimized, where that is asked for; or why it could not be."""
    as_they_are = Settled(recommendations, None)
    if not recommendations or not study.recipe.study.confirm:
        return as_they_are, ""
    tell("both recipes are optimized, and their products compared")
    try:
        return settle(study.asked, recommendations, study.job, study.unit), ""
    except (InputError, ValidationError) as error:
        return as_they_are, str(error)


def two_at_once(study: Study, open_second: RunnerOpener | None) -> AbstractContextManager[SecondProcess | None]:
    """A second process where there is a runner for it and it is of use."""
    if open_second is None or not is_of_use(study):
        return nullcontext()
    return start_second_process(study, open_second, make_cell)


def check_budget(recipe: Recipe, designs: tuple[Design, ...], expected: dict[str, float]) -> None:
    """Raises InputError where the budget is too small for the cheapest table's first round."""
    least = min(expected[each.name] for each in designs) / 60
    if recipe.study.minutes < least:
        law = f"must be at least {least:.2g}: the least that one measurement takes here"
        raise InputError(law, path="study.minutes", value=recipe.study.minutes, nearest=float(f"{least * 1.05:.2g}"))


def journal_path(study: Study) -> Path:
    """Where the measurements of this recipe, these data and this host are kept."""
    content = study.recipe.model_dump(mode="json", exclude={"study", "name", "monitor", "retrain", "report"})
    key = digest_of([VERSION, content, identity(study.prepared), timing_host(study.recipe.runtime)])
    return study.job.context.workspace.home / "studies" / f"{study.recipe.name}-{key[:12]}.jsonl"
