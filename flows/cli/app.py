"""App: the commands of `paredown`.

Imports that take long stand inside the functions, so that `--help` and light commands start fast.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="paredown",
    help="Pare a model down along the Pareto front: the smallest, fastest ONNX model that is as good as you ask.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

Conf = Annotated[Path, typer.Argument(help="The recipe, a YAML file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Dotted paths into the recipe: train.epochs=3"),
]


@app.command(epilog="Example: paredown plan conf/digits.yaml train.epochs=3")
def plan(conf: Conf, overrides: Overrides = None) -> None:
    """Validates everything, prints the steps and what they will cost; trains nothing."""
    from flows.cli.plan import plan_run, show_plan
    from flows.recipe.loading import load_recipe
    from flows.results.console_tables import make_console
    from flows.services import environment

    with with_recipe_file(conf):
        found = plan_run(load_recipe(conf, overrides), environment.prepare_environment())
    show_plan(found, make_console())


@app.command(epilog="Example: paredown optimize conf/digits.yaml goal.max_drop=0.02")
def optimize(conf: Conf, overrides: Overrides = None) -> None:
    """The main job: data → train or load → tune → compress → evaluate → select → register → report.

    Exit codes: 0 the goal is met; 1 something broke; 2 the input is wrong; 3 no candidate meets the goal and the
    product is the baseline. A run that was stopped goes on where it was when the same command is given again.
    """
    from flows.recipe.loading import load_recipe
    from flows.recipe.source_checks import check_sources
    from flows.results.console_tables import make_console
    from flows.services import environment

    console = make_console()
    with with_recipe_file(conf):
        recipe = load_recipe(conf, overrides)
        environment.prepare_environment()
        check_sources(recipe)
        with console.status("starting Prefect"):
            from flows.optimize import optimize as flow
            from tasks.steps.temporary_server import start_temporary_server

            start_temporary_server()
        from flows.results.console_tables import show_outcome

        outcome = flow(recipe)
    show_outcome(outcome, console)
    raise typer.Exit(outcome.exit_code)


@app.command(epilog="Example: paredown predict conf/digits.yaml images.npz")
def predict(
    conf: Conf,
    inputs: Annotated[Path, typer.Argument(metavar="INPUT", help="A file of examples.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option(help="A .csv, .parquet or .json file for names, answers and probabilities.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print records as JSON instead of answers.")] = False,
    reasons: Annotated[
        int, typer.Option(min=0, help="For a table: name so many columns that moved each answer most.")
    ] = 0,
) -> None:
    """The registered champion's answers for a file of examples, through ONNX Runtime."""
    from flows.cli.predict import check_output, predict_file, records_of, write_predictions
    from flows.recipe.loading import load_recipe
    from flows.services import environment
    from tasks.data.product_inputs import passed_over

    with with_recipe_file(conf):
        if output is not None:
            check_output(output)
        found = predict_file(load_recipe(conf), inputs, environment.prepare_environment(), reasons)
    if output is not None:
        write_predictions(found, output)
        typer.echo(f"{len(found.names):,} predictions in {output}")
    else:
        typer.echo(records_of(found) if as_json else "\n".join(found.lines))
    for warning in found.warnings:
        typer.echo(f"paredown: {warning}", err=True)
    if found.rule:
        typer.echo(f"paredown: {found.rule}", err=True)
    if beside := passed_over(inputs):
        typer.echo(f"paredown: passed over: {beside}", err=True)


class Stopped(Exception):  # noqa: N818 - it is what the user wants
    """Ctrl-C was pressed, or SIGTERM came.

    Typer would turn a KeyboardInterrupt into an exit of its own, without our sentence.
    """


@contextmanager
def with_recipe_file(conf: Path) -> Iterator[None]:
    """Context that adds the recipe's file to InputErrors raised inside, if their path lies in the recipe.

    Errors that show only once the data or the model is read do not know the file.
    """
    from flows.recipe.schema import Recipe
    from tasks.core import InputError

    try:
        yield
    except InputError as error:
        if (error.path or "").partition(".")[0] in Recipe.model_fields:
            raise error.at(file=str(conf)) from error
        raise
    except KeyboardInterrupt:
        raise Stopped from None


@app.command(epilog="Example: paredown up --no-ray")
def up(ray: Annotated[bool, typer.Option(help="Also start Ray.")] = True) -> None:
    """Prefect server, MLflow server, a worker and Ray on this machine, with their addresses; they outlive the command.

    Given again it starts only what does not run. All listen on 127.0.0.1 only; logs are in the home's services/.
    """
    from flows.results.console_tables import make_console
    from flows.services import local_services

    site = local_services.start_services(make_console(), with_ray=ray)
    local_services.show_services(site, make_console())
    raise typer.Exit(1 if site.failures else 0)


@app.command(epilog="Example: paredown down")
def down() -> None:
    """Stops the servers that `paredown up` started, and every process that they started."""
    from flows.results.console_tables import make_console
    from flows.services import local_services

    local_services.stop_services(make_console())


def main() -> None:
    """Runs the command line. An error is printed as one message and ends the process with its exit code.

    2: the input is wrong (InputError); 130: interrupted, by SIGTERM too; 1: any other error, whose traceback is kept in
    `last-error.txt` in the home folder.
    """
    from tasks.core import InputError

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else a server that the run started would outlive it
    try:
        app(prog_name="paredown")
    except InputError as error:
        typer.echo(f"paredown: {error}", err=True)
        sys.exit(2)
    except (Stopped, KeyboardInterrupt):
        typer.echo("paredown: stopped; the same command goes on where it was", err=True)
        sys.exit(130)
    except Exception as error:
        typer.echo(f"paredown: something broke: {type(error).__name__}: {error}", err=True)
        typer.echo(f"the details are in {_keep_traceback()}", err=True)
        sys.exit(1)


def _keep_traceback() -> Path:
    import traceback

    from flows.services.environment import home

    place = home() / "last-error.txt"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(traceback.format_exc())
    return place


if __name__ == "__main__":
    main()
