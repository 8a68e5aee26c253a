"""Monitor view: a look at a batch on the terminal, or as JSON."""

from __future__ import annotations

import json

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.loop.monitor_outcome import MonitorOutcome

COLOURS = {"fine": "green", "warn": "yellow", "act": "red"}
MOST_SHOWN = 10
"""Changed columns that are shown."""


def show_look(outcome: MonitorOutcome, console: Console) -> None:
    """Prints the answer, the three looks, the columns that changed, and what else is to be known."""
    console.print(f"[bold {COLOURS[outcome.level]}]{escape(outcome.answer)}[/]", highlight=False)
    console.print(looks_table(outcome))
    changed = [(look.what, each) for look in (outcome.inputs, outcome.predictions) for each in look.columns]
    names = {"inputs": outcome.inputs.changed, "predictions": outcome.predictions.changed}
    told = sorted((pair for pair in changed if pair[1].name in names[pair[0]]), key=lambda pair: -pair[1].index)
    if told:
        table = Table("changed", "of", "stability index", "distance", "adjusted p", "never seen before", box=None)
        for what, each in told[:MOST_SHOWN]:
            numbers = (f"{value:.3g}" for value in (each.index, each.distance, each.adjusted))
            table.add_row(escape(each.name), what, *numbers, escape(", ".join(each.unseen[:5])))
        console.print(table)
    for note in outcome.notes:
        console.print(f"[yellow]note[/] {escape(note)}", highlight=False)
    console.print(f"[dim]report {escape(outcome.report)}[/]", highlight=False)


def looks_table(outcome: MonitorOutcome) -> Table:
    """The three looks: what each says, and why."""
    counted = "counted before" if outcome.seen_before else f"batch {outcome.look} of version {outcome.version}"
    rows = f"{outcome.rows:,} rows, {outcome.labelled:,} new labels; {counted}"
    table = Table("look", "says", "why", title=escape(f"{outcome.source}: {rows}"), title_justify="left")
    for look in outcome.looks:
        table.add_row(look.what, f"[{COLOURS[look.level]}]{look.level}[/]", escape(look.sentence))
    return table


def json_of(outcome: MonitorOutcome) -> str:
    """The outcome as JSON text."""
    return json.dumps(outcome.record, indent=1, ensure_ascii=False)
