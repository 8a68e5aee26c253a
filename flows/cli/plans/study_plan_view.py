"""Study plan view: the tables that a study will make and what they will take, on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.study.study_plan import StudyPlan
from tasks.core.number_format import format_duration


def show_study_plan(plan: StudyPlan, console: Console) -> None:
    """Prints the tables with their expected times, those that are left out, and what the budget has time for."""
    console.print(planned_tables(plan), highlight=False)
    for each in plan.left_out:
        console.print(f"[dim]{escape(each.title)} is left out: {escape(each.reason)}[/]", highlight=False)
    if plan.later:
        console.print(f"[yellow]note[/] {escape(plan.later)}", highlight=False)
    console.print(f"[bold]Cost[/]: {escape(cost_of_study(plan))}", highlight=False)


def planned_tables(plan: StudyPlan) -> Table:
    """A row for each table: what it varies, its settings, and its expected time."""
    least = plan.recipe.study.seeds
    table = Table(title=f"{plan.recipe.name}: the tables of its study", title_justify="left")
    for name in ("table", "varied", "settings"):
        table.add_column(name)
    for name in ("one seed", f"{least} seeds", "budget"):
        table.add_column(name, justify="right")
    for design in plan.designs:
        seeds = plan.seeds[design.name]
        has = f"{seeds} seeds" if seeds >= least else f"[yellow]{seeds or 'no'} seed{'s' if seeds != 1 else ''}[/]"
        names = ", ".join(cell.name for cell in design.cells)
        times = (format_duration(plan.costs[design.name].further), format_duration(plan.seconds_of(design.name)))
        table.add_row(escape(design.title), escape(design.varied), escape(names), *times, has)
    return table


def cost_of_study(plan: StudyPlan) -> str:
    """What a verdict on every table would take, what the budget is, and what comes after it, in a sentence."""
    spec = plan.recipe.study
    whole = sum(plan.seconds_of(design.name) for design in plan.designs)
    told = f"about {format_duration(whole)} for a verdict on every table, of a budget of {spec.minutes:g} minutes"
    short = [design.title for design in plan.designs if plan.seeds[design.name] < spec.seeds]
    if short:
        told += f", which has too little time for {', '.join(short)}"
    if spec.confirm:
        told += "; then, beside the budget, both recipes are optimized and compared on test (study.confirm)"
    return told
