"""The Prefect flow `optimize`: compresses the model of a recipe into a product with its measurements."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from flows.pipeline.simple.own_models import settle_model
from flows.pipeline.step_count import count_steps
from flows.recipe.loading import load_recipe
from flows.recipe.schema import Recipe
from flows.results.console_tables import make_console
from flows.results.outcome import Outcome
from flows.results.run_job import run_job
from flows.services import environment
from tasks.core import InputError
from tasks.steps.prefect_runner import PrefectRunner


def run_name() -> str:
    """The name of the flow run: the recipe's name, or the file's when it is not valid (the flow reports the error)."""
    recipe: Recipe | str = flow_run.parameters["recipe"]
    if isinstance(recipe, Recipe):
        return recipe.name
    try:
        return load_recipe(Path(recipe), flow_run.parameters.get("overrides")).name
    except InputError:
        return Path(recipe).stem


@flow(name="optimize", flow_run_name=run_name, validate_parameters=True, persist_result=False)
def optimize(recipe: Recipe | str, overrides: list[str] | None = None) -> Outcome:
    """Compresses a model: data → train or load → tune → compress → evaluate → select → test once → register → report.

    Args:
        recipe: a recipe, or the path of a recipe file.
        overrides: `key=value` with dotted paths, which replace values of a recipe file; not used for a recipe object.

    Raises:
        InputError: the recipe, the data, the model or the environment is wrong.
    """
    settled = load_recipe(Path(recipe), overrides) if isinstance(recipe, str) else recipe
    workspace = environment.prepare_environment()
    settled = settle_model(settled)
    runner = PrefectRunner(workspace, make_console(), total=count_steps(settled))
    outcome = run_job(settled, workspace, runner)
    file = outcome.folder / "report.html"
    create_markdown_artifact(f"## {outcome.report.answer}\n\nReport: `{file}`", key="answer")
    return dataclasses.replace(outcome, reused=tuple(runner.reused))
