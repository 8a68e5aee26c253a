"""The Prefect flow `study`: which techniques pay on the data of a recipe."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from flows.recipe.loading import load_recipe
from flows.recipe.schema import Recipe
from flows.results.console_tables import make_console
from flows.services import environment
from flows.study.study_files import write_study
from flows.study.study_job import run_study
from flows.study.study_outcome import StudyOutcome
from tasks.steps.prefect_runner import PrefectRunner


def name_study() -> str:
    """The name of the flow run: that of the recipe or of its file."""
    recipe: Recipe | str = flow_run.parameters["recipe"]
    return f"study {recipe.name if isinstance(recipe, Recipe) else Path(recipe).stem}"


@flow(name="study", flow_run_name=name_study, validate_parameters=True, persist_result=False)
def study(recipe: Recipe | str, overrides: list[str] | None = None) -> StudyOutcome:
    """Measures the tables of a study, and writes its report, its tables and the recommended recipe.

    Args:
        recipe: a recipe, or the path of a recipe file.
        overrides: `key=value` with dotted paths, which replace values of a recipe file; not used for a recipe object.

    Raises:
        InputError: the recipe, the data, the model or the environment is wrong.
    """
    settled = load_recipe(Path(recipe), overrides) if isinstance(recipe, str) else recipe
    workspace = environment.prepare_environment()
    console = make_console()
    runner = PrefectRunner(workspace, console)
    result = run_study(settled, workspace, runner, lambda line: console.print(f"[bold]{line}[/]", highlight=False))
    outcome = write_study(result, workspace)
    create_markdown_artifact(
        "\n".join(f"- {table.design.title}: {table.verdict}" for table in result.tables), key="study"
    )
    return outcome
