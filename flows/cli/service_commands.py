"""Service commands: `up` and `down`."""

from __future__ import annotations

from typing import Annotated

import typer


def up(
    ray: Annotated[bool, typer.Option(help="Also start Ray.")] = True,
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="This machine's address for others, instead of 127.0.0.1."),
    ] = None,
) -> None:
    """Prefect server, MLflow server, a worker and Ray on this machine, with their addresses; they outlive the command.

    Given again it starts only what does not run. They listen on 127.0.0.1 only, unless --host opens them to a network:
    then PAREDOWN_PASSWORD must be in the environment, and is asked for. Logs are in the home's services/.
    """
    from flows.results.console_tables import make_console
    from flows.services import local_services
    from flows.services.service_view import show_services

    site = local_services.start_services(make_console(), ray, host)
    show_services(site, make_console())
    raise typer.Exit(1 if site.failures else 0)


def down() -> None:
    """Stops the servers that `paredown up` started, and every process that they started."""
    from flows.results.console_tables import make_console
    from flows.services import local_services

    local_services.stop_services(make_console())
