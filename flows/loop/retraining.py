"""The Prefect flow `retrain`: the champion's branch on new data, and the gate between the two."""

from __future__ import annotations

import dataclasses

from prefect import flow
from prefect.runtime import flow_run

from flows.loop.failed_retrain import tell_failure
from flows.loop.retrain_job import plan_retrain, run_retrain
from flows.loop.single_retrain import single_retrain
from flows.pipeline.step_count import count_steps
from flows.recipe.loading import load_recipe
from flows.results.console_tables import make_console
from flows.results.outcome import Outcome
from flows.services import environment
from flows.services.deployed_recipes import recipe_file, run_label
from flows.services.deployment_catalog import LONGEST
from flows.services.run_artifacts import product_links, show_answer
from tasks.steps.prefect_runner import PrefectRunner


def name_retrain() -> str:
    """The name of the flow run: that of the recipe."""
    return f"retrain {run_label(flow_run.parameters['recipe'])}"


@flow(
    name="retrain",
    flow_run_name=name_retrain,
    validate_parameters=True,
    persist_result=False,
    timeout_seconds=LONGEST,
    on_failure=[tell_failure],
    on_crashed=[tell_failure],
)
def retrain(recipe: str, data: str | None = None, overrides: list[str] | None = None) -> Outcome:
    """Runs the champion's branch again, and promotes the new version where it is proven not worse, and better.

    Args:
        recipe: the name of a deployed recipe, or the path of a recipe file.
        data: a source of new rows. Absent: the recipe's own source is read anew.
        overrides: values of the recipe that are replaced, `retrain.holdout=0.3` for example, with dotted paths.

    Raises:
        InputError: there is no champion, another retrain of it runs, or the recipe, the data or the environment is
            wrong.
    """
    conf = load_recipe(recipe_file(recipe), overrides)
    workspace = environment.prepare_environment()
    with single_retrain(workspace.home, conf.name):
        replay = plan_retrain(conf, data, workspace)
        runner = PrefectRunner(workspace, make_console(), total=count_steps(replay.recipe))
        outcome = run_retrain(replay, workspace, runner)
    assert outcome.promotion is not None  # a retrain always says what became of it
    version, uri = outcome.version, workspace.tracking_uri
    links = product_links(uri, outcome.report.links, outcome.folder, version.name, version.version)
    show_answer("retrain", outcome.promotion.reason, outcome.report.answer, links)
    return dataclasses.replace(outcome, reused=tuple(runner.reused))
