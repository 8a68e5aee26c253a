"""Deployment command: `deploy`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.recipe_argument import Stopped

if TYPE_CHECKING:
    from rich.console import Console

    from flows.services.deploying import Registered


def deploy(
    confs: Annotated[list[Path], typer.Argument(metavar="CONF...", help="Recipes, YAML files.", show_default=False)],
    cron: Annotated[str | None, typer.Option(help="When optimize runs by itself, in UTC; switched on.")] = None,
    batches: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The tables that monitor looks at every hour; switched on.")
    ] = None,
    new_data: Annotated[
        str | None, typer.Option(metavar="NEW", help="The new rows of retrain. Absent: the recipe's source, read anew.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Switch every schedule off.")] = False,
) -> None:
    """Recipes as Prefect deployments: optimize, monitor, retrain, promote, rollback, study, for its interface and API.

    Their runs work in this directory and with this home. What monitor finds to be harm starts retrain. Given again it
    updates them; schedules stay as they are, unless an option says otherwise.
    """
    from flows.results.console_tables import make_console
    from flows.services import environment, prefect_deployments
    from flows.services.deployment_schedules import Timing

    place, console = environment.home(), make_console()
    try:
        timing = Timing.of(cron, batches is not None, off)
        recipes = prefect_deployments.recipes_of(confs, place, str(batches) if batches else None, new_data)
        own = prefect_deployments.running_site(place).addresses
        api = prefect_deployments.prefect_api(os.environ, own)
        environment.prepare_environment()
        with console.status(f"deploying to {api}"):
            found = prefect_deployments.register_recipes(recipes, api, place, own, timing)
    except KeyboardInterrupt:
        raise Stopped from None
    show_registered(found, prefect_deployments.has_worker(api), console)


def show_registered(found: tuple[Registered, ...], has_worker: bool, console: Console) -> None:
    """Prints the deployments with schedule and page, and what is missing for them to run."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("deployment", "schedule (UTC)", "open in a browser", box=None)
    for each in found:
        table.add_row(escape(each.name), each.schedule, each.page)
    console.print(table)
    console.print(f"[dim]prefect deployment run {escape(found[0].name)} starts one, too[/]", highlight=False)
    if not has_worker:
        told = "no worker runs them yet: paredown up, or prefect worker start --pool local --type process"
        console.print(f"[yellow]note[/] {told}", highlight=False)
