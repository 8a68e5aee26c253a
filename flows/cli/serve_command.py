"""Serve command: `serve`, the registered champion over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.recipe_argument import Conf, with_recipe_file


def run_serve(
    conf: Conf,
    port: Annotated[int, typer.Option(help="Of 127.0.0.1; 0 is any free one.")] = 8080,
    log: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Log requests and answers there, for `paredown monitor`.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Delete what was logged after so many days.")] = 30,
) -> None:
    """The registered champion over HTTP, by MLflow's own scoring server, on this machine only; Ctrl-C ends it.

    POST /invocations takes rows as JSON, CSV or Parquet and answers as `paredown predict` does.
    """
    from flows.loop.serving.champion_server import LogSettings, serve_champion
    from flows.recipe.loading import load_recipe
    from flows.services import environment

    with with_recipe_file(conf):
        name = load_recipe(conf).name
        workspace = environment.prepare_environment()
        serve_champion(
            name,
            workspace,
            port,
            LogSettings(log, days) if log else None,
            ready=lambda serving: typer.echo(
                f"{serving.version.name} version {serving.version.version} answers at {serving.address}/invocations"
                f"{f', and is logged in {log}' if log else ''}\nTry it:  {serving.example}\nCtrl-C ends it."
            ),
            tell=lambda sentence: typer.echo(f"paredown: {sentence}", err=True),
        )
    raise typer.Exit(130)  # it ends by a signal alone, also by one that the shell told its children to ignore
