"""Study view: the verdicts of a study on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from flows.study.study_outcome import StudyOutcome


def show_study(outcome: StudyOutcome, console: Console) -> None:
    """Prints the verdict of every table, what is recommended, and where the files are."""
    result = outcome.result
    for table in result.tables:
        console.print(f"[bold]{escape(table.design.title)}[/]: {escape(table.verdict)}", highlight=False)
        for row in table.rows[1:]:
            console.print(f"  [dim]{escape(row.sentence)}[/]", highlight=False)
    for each in result.left_out:
        console.print(f"[dim]{escape(each.title)}: left out: {escape(each.reason)}[/]", highlight=False)
    for name in result.not_begun:
        console.print(f"[yellow]{escape(name)}: not begun: the budget ended before it[/]", highlight=False)
    for change in result.recommendations:
        console.print(f"[green]{escape(change.path)}[/] → {escape(str(change.value))}", highlight=False)
    if result.problem:
        console.print(f"[yellow]the recommended recipe was not run: {escape(result.problem)}[/]", highlight=False)
    if result.confirmation:
        console.print(f"[bold]{escape(result.confirmation.sentence)}[/]", highlight=False)
    console.print(f"[dim]{result.minutes:.1f} minutes of measuring; files in {escape(str(outcome.folder))}[/]", highlight=False)
