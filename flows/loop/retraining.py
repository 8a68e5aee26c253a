"""The Prefect flow `retrain`: the champion's branch on new data, and the gate between the two."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from flows.loop.retrain_job import plan_retrain, run_retrain
from flows.loop.single_retrain import single_retrain
from flows.pipeline.step_count import count_steps
from flows.recipe.loading import load_recipe
from flows.results.console_tables import make_console
from flows.results.outcome import Outcome
from flows.services import environment
from tasks.steps.prefect_runner import PrefectRunner


def name_retrain() -> str:
    """The name of the flow run: that of the recipe's file."""
    return f"retrain {Path(flow_run.parameters['recipe']).stem}"


@flow(name="retrain", flow_run_name=name_retrain, validate_parameters=True, persist_result=False)
def retrain(recipe: str, data: str | None = None, overrides: list[str] | None = None) -> Outcome:
    """Runs the champion's branch again, and promotes the new version where it is proven not worse, and better.

    Args:
        recipe: the path of a recipe file.
        data: a source of new rows. Absent: the recipe's own source is read anew.
        overrides: `key=value` with dotted paths, which replace values of the recipe.

    Raises:
        InputError: there is no champion, another retrain of it runs, or the recipe, the data or the environment is
            wrong.
    """
    conf = load_recipe(Path(recipe), overrides)
    workspace = environment.prepare_environment()
    with single_retrain(workspace.home, conf.name):
        replay = plan_retrain(conf, data, workspace)
        runner = PrefectRunner(workspace, make_console(), total=count_steps(replay.recipe))
        outcome = run_retrain(replay, workspace, runner)
    assert outcome.promotion is not None  # a retrain always says what became of it
    report = f"Report: `{outcome.folder / 'report.html'}`"
    create_markdown_artifact(f"## {outcome.promotion.reason}\n\n{outcome.report.answer}\n\n{report}", key="retrain")
    return dataclasses.replace(outcome, reused=tuple(runner.reused))
