"""The Prefect flow `optimize`: compresses the model of a recipe into a product with its measurements."""

from __future__ import annotations

import dataclasses

from prefect import flow
from prefect.runtime import flow_run

from flows.pipeline.simple.own_models import settle_model
from flows.pipeline.step_count import count_steps
from flows.recipe.loading import load_recipe
from flows.results.console_tables import make_console
from flows.results.outcome import Outcome
from flows.results.run_job import run_job
from flows.services import environment
from flows.services.deployed_recipes import recipe_file, run_label
from flows.services.deployment_catalog import LONGEST
from flows.services.run_artifacts import product_links, show_answer
from tasks.core import InputError
from tasks.steps.prefect_runner import PrefectRunner


def run_name() -> str:
    """The name of the flow run: the recipe's, or what was given where it is not valid (the flow reports the error)."""
    given = str(flow_run.parameters["recipe"])
    try:
        return load_recipe(recipe_file(given), flow_run.parameters.get("overrides")).name
    except InputError:
        return run_label(given)


@flow(name="optimize", flow_run_name=run_name, validate_parameters=True, persist_result=False, timeout_seconds=LONGEST)
def optimize(recipe: str, overrides: list[str] | None = None) -> Outcome:
    """Compresses a model: data → train or load → tune → compress → evaluate → select → test once → register → report.

    Args:
        recipe: the name of a deployed recipe, or the path of a recipe file.
        overrides: values of the recipe that are replaced, `train.epochs=3` for example, with dotted paths.

    Raises:
        InputError: the recipe, the data, the model or the environment is wrong.
    """
    settled = load_recipe(recipe_file(recipe), overrides)
    workspace = environment.prepare_environment()
    settled = settle_model(settled)
    runner = PrefectRunner(workspace, make_console(), total=count_steps(settled))
    outcome = run_job(settled, workspace, runner)
    version = outcome.version
    links = product_links(workspace.tracking_uri, outcome.report.links, outcome.folder, version.name, version.version)
    show_answer("answer", outcome.report.answer, outcome.promotion.reason if outcome.promotion else "", links)
    return dataclasses.replace(outcome, reused=tuple(runner.reused))
