"""Searches that are recorded in MLflow while they run, and begin with what it remembers of earlier ones."""

from __future__ import annotations

import dataclasses

from tasks import tracking, tuning
from tasks.core import Context, Update, Workspace
from tasks.search.objective import Objective
from tasks.search.results import SearchStart, Tuned, summarize_trials
from tasks.search.search_spec import SearchBudget
from tasks.search.space import Point
from tasks.tracking import Warm
from tasks.tuning.progress_report import ProgressReporter


def recall_searches(
    experiment: str, role: str, identity: str, search: SearchBudget, own: Point, workspace: Workspace
) -> Warm:
    """What earlier searches of the experiment are worth to this one.

    Args:
        role: of the searches, as `Objective.role`.
        identity: scores of searches with the same identity can be compared.
        own: the recipe's own values, which complete points that lack a path.
    """
    past = tracking.past_searches(workspace.tracking_uri, experiment, role, but=workspace.run)
    return tracking.warm(past, identity, search.space, own)


def search_and_record(
    objective: Objective, search: SearchBudget, start: SearchStart, epochs: int, host: str, context: Context
) -> Tuned:
    """A search over points → the best point and every trial.

    Its trials are in MLflow while it runs, if the workspace names the flow's run.

    Args:
        epochs: the most epochs of one trial.
        host: this host's name where trials measure time, so that a cached answer belongs to one; else empty.
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
