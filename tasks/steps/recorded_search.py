"""Recorded search: runs a search that MLflow records, and reads from MLflow what earlier searches found."""

from __future__ import annotations

import dataclasses

from tasks import tracking, tuning
from tasks.core import Context, Update, Workspace
from tasks.search.objective import Objective
from tasks.search.results import SearchResult, SearchStart, summarize_trials
from tasks.search.search_spec import SearchBudget
from tasks.search.space import Point
from tasks.tracking import WarmStart
from tasks.tuning.progress_report import ProgressReporter


def recall_searches(
    experiment: str, role: str, identity: str, search: SearchBudget, own: Point, workspace: Workspace
) -> WarmStart:
    """What a new search takes over from earlier searches of the experiment (see `warm_start.warm`).

    Args:
        experiment: name of the MLflow experiment.
        role: what is searched for, as in `Objective.role`.
        identity: as in `Objective.identity`; scores of searches with the same identity can be compared.
        search: the new search.
        own: the recipe's own values, which complete earlier points that lack a path of the space.
        workspace: names the tracking server, and the flow's run, whose own searches are left out.
    """
    past = tracking.past_searches(workspace.tracking_uri, experiment, role, but=workspace.run)
    return tracking.warm(past, identity, search.space, own)


def search_and_record(
    objective: Objective, search: SearchBudget, start: SearchStart, epochs: int, host: str, context: Context
) -> SearchResult:
    """Runs a search and returns its best point and all trials.

    If the workspace names the flow's run, the trials are written to MLflow while the search runs. What could not be
    written is mentioned in the last progress update.

    Args:
        objective: the function to be maximized.
        search: the algorithm, the space and the budget.
        start: points to try first, and results of earlier searches.
        epochs: most epochs of one trial; with `pbt`, of a whole training.
        host: this host's name when trials measure time, so that a cached result is valid on this host alone; else
            empty.
        context: its checkpoint is the folder of the search's state, `search` among the checkpoints without one.

    Raises:
        InputError: no node has the resources of one trial, or the Ray cluster does not answer.
    """
    workspace = context.workspace
    folder = context.checkpoint or workspace.checkpoints / "search"
    setup = tuning.TrialSetup(objective, objective.arrays(workspace.store), objective.needs(), objective.modules)
    reporter = ProgressReporter(search, objective, context.progress)
    with tracking.recording(workspace.tracking_uri, workspace.run, objective.role, objective.identity) as recorder:
        tuned = tuning.tune(setup, search, workspace, folder, epochs, start, on_progress=reporter, on_trials=recorder)
        recorder(tuned.trials)
    count, note = len(tuned.trials), summarize_trials(tuned.trials)
    trouble = f", not in MLflow yet ({recorder.trouble})" if recorder.trouble else ""
    context.progress(Update(count, count, note + trouble))
    return dataclasses.replace(tuned, identity=objective.identity)
