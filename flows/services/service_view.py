"""Service view: the services of this machine with their pages, and how other commands use them, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.services import processes
from flows.services.safety.passwords import PASSWORD
from flows.services.service_catalog import ServiceState

if TYPE_CHECKING:
    from rich.console import Console


def show_services(site: ServiceState, console: Console) -> None:
    """Prints the services with state and page, the `export` line that makes clients use them, and the failures."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("service", "state", "open in a browser", "process"):
        table.add_column(title, overflow="fold")
    for name, state in site.states.items():
        record = processes.find(site.folder, name)
        colour = "red" if state == "failed" else "green"
        table.add_row(name, f"[{colour}]{state}[/]", site.pages.get(name, ""), str(record.pid) if record else "")
    console.print(table)
    console.print(f"[dim]their logs are in {escape(str(site.folder))}[/]", soft_wrap=True, highlight=False)
    if site.addresses:
        exports = " ".join(f"{variable}={address}" for variable, address in site.addresses.items())
        console.print(f"\nexport {exports}", soft_wrap=True, highlight=False)
    if site.credentials:
        told = f"they ask for a password: {PASSWORD} must be in the environment of other commands, too"
        console.print(
            f"{told}; in a browser the user is {escape(site.credentials.user)}", soft_wrap=True, highlight=False
        )
    for failure in site.failures:
        console.print(f"\n[red]paredown:[/] {escape(failure)}", soft_wrap=True, highlight=False)
