"""App: the commands of `paredown`.

Imports that take long stand inside the functions, so that `--help` and light commands start fast.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli import deployment_command, release_commands, serve_command, service_commands
from flows.cli.recipe_argument import Conf, Overrides, Stopped, with_recipe_file

app = typer.Typer(
    name="paredown",
    help="Pare a model down along the Pareto front: the smallest, fastest ONNX model that is as good as you ask.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@app.command(epilog="Example: paredown plan conf/digits.yaml train.epochs=3")
def plan(
    conf: Conf,
    overrides: Overrides = None,
    study: Annotated[
        bool, typer.Option("--study", help="The tables of a study instead, and how long each takes.")
    ] = False,
) -> None:
    """Validates everything, prints the steps and what they will cost; trains nothing."""
    from flows.recipe.loading import load_recipe
    from flows.results.console_tables import make_console
    from flows.services import environment

    if study:
        from flows.cli.plans.study_plan_view import show_study_plan
        from flows.study.study_plan import plan_study

        with with_recipe_file(conf):
            tables = plan_study(load_recipe(conf, overrides), environment.prepare_environment())
        show_study_plan(tables, make_console())
        return
    from flows.cli.plans.plan import plan_run
    from flows.cli.plans.plan_view import show_plan

    with with_recipe_file(conf):
        found = plan_run(load_recipe(conf, overrides), environment.prepare_environment())
    show_plan(found, make_console())


@app.command(epilog="Example: paredown optimize conf/digits.yaml goal.max_drop=0.02")
def optimize(conf: Conf, overrides: Overrides = None) -> None:
    """The main job: data → train or load → tune → compress → evaluate → select → register → report.

    Exit codes: 0 the goal is met; 1 something broke; 2 the input is wrong; 3 no candidate meets the goal and the
    product is the baseline. A run that was stopped goes on where it was when the same command is given again.
    """
    from flows.results.console_tables import make_console

    with with_recipe_file(conf):
        prepare_run(conf, overrides)
        from flows.optimize import optimize as flow
        from flows.results.console_tables import show_outcome

        outcome = flow(str(conf), overrides)
    show_outcome(outcome, make_console())
    raise typer.Exit(outcome.exit_code)


def prepare_run(conf: Path, overrides: list[str] | None) -> None:
    """Checks a recipe and its sources, prepares the environment, and starts Prefect's server if none is named.

    Raises:
        InputError: the recipe, a source or the environment is wrong.
    """
    from flows.recipe.loading import load_recipe
    from flows.recipe.source_checks import check_sources
    from flows.results.console_tables import make_console
    from flows.services import environment

    recipe = load_recipe(conf, overrides)
    environment.prepare_environment()
    check_sources(recipe)
    with make_console().status("starting Prefect"):
        from tasks.steps.temporary_server import start_temporary_server

        start_temporary_server()


@app.command(epilog="Example: paredown study conf/digits.yaml study.minutes=30")
def study(conf: Conf, overrides: Overrides = None) -> None:
    """Which techniques pay on your own data: tables with intervals, and a recommended recipe.

    Exit codes: 0 done; 1 a table broke, and the others are there; 2 the input is wrong. A study that was stopped goes
    on where it was when the same command is given again.
    """
    from flows.results.console_tables import make_console

    with with_recipe_file(conf):
        prepare_run(conf, overrides)
        from flows.study.studying import study as flow

        outcome = flow(str(conf), overrides)
    from flows.cli.study_view import show_study

    show_study(outcome, make_console())
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
    """The registered champion's answers for a file of examples, in the engine that its file names."""
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


@app.command(epilog="Example: paredown monitor conf/churn.yaml --data monday.csv --labels truth.csv")
def monitor(
    conf: Conf,
    data: Annotated[
        Path | None, typer.Option(metavar="BATCH", help="A file or folder of new examples.", show_default=False)
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A table of labels that came later; data.id names their rows.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the look as JSON.")] = False,
) -> None:
    """Whether new data harm the champion or differ from its own; labels count where the batch has them.

    Exit codes: 0 nothing has to be done; 4 act: the champion should be retrained, or was taken back; 2 the input is
    wrong. A batch and a label count once, however often they are given.
    """
    from flows.loop.batch_labels import check_given
    from flows.recipe.loading import load_recipe
    from flows.results.console_tables import make_console
    from flows.services import environment

    with with_recipe_file(conf):
        load_recipe(conf)
        batch = check_given(data, labels)
        environment.prepare_environment()
        from flows.loop.monitoring import monitor as flow
        from tasks.steps.temporary_server import start_temporary_server

        start_temporary_server()
        outcome = flow(str(conf), str(batch), str(labels) if labels else None)
    from flows.cli.monitor_view import json_of, show_look

    if as_json:
        typer.echo(json_of(outcome))
    else:
        show_look(outcome, make_console())
    raise typer.Exit(outcome.exit_code)


@app.command(epilog="Example: paredown retrain conf/churn.yaml --data july.csv")
def retrain(
    conf: Conf,
    overrides: Overrides = None,
    data: Annotated[
        str | None, typer.Option(metavar="NEW", help="A source of new rows. Absent: the recipe's own, read anew.")
    ] = None,
) -> None:
    """The champion's own steps on new data; the gate promotes what is proven not worse, and better or cheaper.

    Exit codes: 0 promoted; 1 something broke; 2 the input is wrong; 3 the champion stays. Plans are made anew. The rows
    on which both are compared are held out of the new ones: the newest, where the recipe splits by time.
    """
    from flows.recipe.loading import load_recipe
    from flows.recipe.source_checks import check_sources
    from flows.results.console_tables import make_console
    from flows.services import environment

    console = make_console()
    with with_recipe_file(conf):
        check_sources(load_recipe(conf, overrides))
        environment.prepare_environment()
        with console.status("starting Prefect"):
            from flows.loop.retraining import retrain as flow
            from tasks.steps.temporary_server import start_temporary_server

            start_temporary_server()
        from flows.results.console_tables import show_outcome

        outcome = flow(str(conf), data, overrides)
    show_outcome(outcome, console)
    raise typer.Exit(outcome.exit_code)


app.command(epilog="Example: paredown up --no-ray")(service_commands.up)
app.command(epilog="Example: paredown down")(service_commands.down)
app.command(epilog='Example: paredown deploy conf/churn.yaml --cron "0 3 * * *"')(deployment_command.deploy)
app.command(epilog="Example: paredown history conf/churn.yaml")(release_commands.history)
app.command("promote", epilog="Example: paredown promote conf/churn.yaml 4")(release_commands.run_promote)
app.command("rollback", epilog="Example: paredown rollback conf/churn.yaml")(release_commands.run_rollback)
app.command(epilog="Example: paredown gc --days 14 --yes")(release_commands.gc)
app.command("serve", epilog="Example: paredown serve conf/churn.yaml --log requests")(serve_command.run_serve)


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
        from flows.services.environment import home
        from flows.services.safety.explanations import explain_failure, keep_traceback

        told, code = explain_failure(error) or (f"something broke: {type(error).__name__}: {error}", 1)
        typer.echo(f"paredown: {told}", err=True)
        typer.echo(f"the details are {keep_traceback(home())}", err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()
