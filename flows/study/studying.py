"""The Prefect flow `study`: which techniques pay on the data of a recipe."""

from __future__ import annotations

from functools import partial

from prefect import flow
from prefect.runtime import flow_run
from rich.markup import escape

from flows.recipe.loading import load_recipe
from flows.results.console_tables import make_console
from flows.services import environment
from flows.services.deployed_recipes import recipe_file, run_label
from flows.services.deployment_catalog import LONGEST
from flows.services.run_artifacts import show_answer
from flows.study.outputs.recorded_study import record_study
from flows.study.outputs.study_text import answer_of, markdown_of
from flows.study.study_outcome import StudyOutcome
from tasks.steps.prefect_runner import PrefectRunner, join_server, server_address


def name_study() -> str:
    """The name of the flow run: that of the recipe."""
    return f"study {run_label(flow_run.parameters['recipe'])}"


@flow(name="study", flow_run_name=name_study, validate_parameters=True, persist_result=False, timeout_seconds=LONGEST)
def study(recipe: str, overrides: list[str] | None = None) -> StudyOutcome:
    """Measures which techniques pay, table by table, and writes a report, the tables and the recommended recipe.

    Args:
        recipe: the name of a deployed recipe, or the path of a recipe file.
        overrides: values of the recipe that are replaced, `study.minutes=30` for example, with dotted paths.

    Raises:
        InputError: the recipe, the data, the model or the environment is wrong.
    """
    settled = load_recipe(recipe_file(recipe), overrides)
    workspace = environment.prepare_environment()
    console = make_console()
    runner = PrefectRunner(workspace, console)
    outcome = record_study(
        settled,
        workspace,
        runner,
        lambda line: console.print(f"[bold]{escape(line)}[/]", highlight=False),
        partial(join_server, server_address()),
    )
    recommended = {"Recommended recipe": str(outcome.recommended)} if outcome.recommended else {}
    links = {"Report's file": str(outcome.report), **recommended, **outcome.links}
    show_answer("answer", answer_of(outcome.result), markdown_of(outcome.result), links)
    return outcome
