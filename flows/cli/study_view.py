"""Study view: verdicts, tables and recommendation of a study on the terminal, and what is planned of one."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.study.outputs.study_page_data import cost_text_of, effect_text_of
from flows.study.outputs.study_text import answer_of, counted, notes_of, tone_of
from flows.study.study_outcome import StudyOutcome, StudyResult
from tasks.core.number_format import format_bytes, format_duration, format_significant
from tasks.study.verdicts import CellResult, MetricUnit, TableResult

COLOURS = {"good": "green", "none": "white", "fair": "yellow", "bad": "red"}


def show_study(outcome: StudyOutcome, console: Console) -> None:
    """Prints every table and its verdict, what is recommended, what is missing, and where the files are."""
    result = outcome.result
    for table in result.tables:
        console.print()
        console.print(cells_table(table, result))
        for row in table.rows:
            if not row.seeds:
                console.print(f"[dim]{escape(row.sentence)}[/]", highlight=False)
    console.print()
    console.print(verdicts_table(result))
    for note in notes_of(result):
        console.print(f"[yellow]note[/] {escape(note)}", highlight=False)
    if result.recommendations:
        console.print(changes_table(result))
    console.print(f"[bold]{escape(answer_of(result))}[/]", highlight=False)
    if result.confirmation:
        console.print(f"[bold]{escape(result.confirmation.sentence)}[/]", highlight=False)
    console.print(
        f"[dim]{result.minutes:.1f} of {result.asked.study.minutes:g} minutes; gains in {result.unit.name}; the "
        f"intervals of a table hold together in 95 % of cases; {result.n:,} validation examples; on {result.host}[/]",
        highlight=False,
    )
    show_places(outcome, console)


def cells_table(table: TableResult, result: StudyResult) -> Table:
    """A table of the study: its settings with their figures."""
    design = table.design
    has_cost = any(row.cost for row in table.rows)
    shown = Table(title=f"{design.title}: {design.question}", title_justify="left")
    shown.add_column("setting")
    shown.add_column("seeds", justify="right")
    if design.kind == "score":
        shown.add_column(result.metric, justify="right")
        shown.add_column("gain")
    if has_cost:
        what = "time" if design.kind == "speed" else {"training": "time of training"}.get(design.cost, design.cost)
        shown.add_column(f"{what}, below 1 is better")
    shown.add_column("seconds" if design.kind == "speed" else "training", justify="right")
    if design.kind == "score":
        shown.add_column("file", justify="right")
    for row in table.rows:
        shown.add_row(*cell_texts(row, table, result.unit, has_cost))
    return shown


def cell_texts(row: CellResult, table: TableResult, unit: MetricUnit, has_cost: bool) -> list[str]:
    """The cells of one setting's row."""
    is_score = table.design.kind == "score"
    name = f"{row.cell.name} ({row.choice})" if row.choice else row.cell.name
    found = [f"[green]{escape(name)}[/]" if row.keep else escape(name), str(row.seeds)]
    if is_score:
        found += [
            format_significant(row.score, 4) if row.score is not None else "",
            escape(effect_text_of(row.effect, unit)),
        ]
    if has_cost:
        found.append(escape(cost_text_of(row.cost)))
    found.append(format_duration(row.seconds) if row.seconds is not None else "")
    if is_score:
        found.append(format_bytes(row.bytes) if row.bytes is not None else "")
    return found


def verdicts_table(result: StudyResult) -> Table:
    """One verdict a table, those that were left out included."""
    shown = Table(show_header=False, box=None, padding=(0, 1))
    for table in result.tables:
        colour = COLOURS[tone_of(table)]
        shown.add_row(f"[bold]{escape(table.design.title)}[/]", f"[{colour}]{escape(table.verdict)}[/]")
    for each in result.left_out:
        shown.add_row(f"[dim]{escape(each.title)}[/]", f"[dim]left out: {escape(each.reason)}[/]")
    for title in result.not_begun:
        shown.add_row(escape(title), "[yellow]not begun: the budget ended before it[/]")
    return shown


def changes_table(result: StudyResult) -> Table:
    """The lines of the recommended recipe that are not as they were given."""
    shown = Table(
        "in the recipe", "becomes", title=counted(len(result.recommendations), "change"), title_justify="left"
    )
    for change in result.recommendations:
        shown.add_row(escape(change.path), escape(str(change.value)))
    return shown


def show_places(outcome: StudyOutcome, console: Console) -> None:
    """Prints where the recommended recipe, the report, the tables and the pages of the run are."""
    rows = {
        "recommended": outcome.recommended or "none: its changes do not go together",
        "report": outcome.report,
        "tables": outcome.folder / "tables.parquet",
        **outcome.links,
    }
    for name, value in rows.items():
        console.print(f"[dim]{name:>15}[/] {escape(str(value))}", highlight=False, soft_wrap=True)
