"""Console tables: the measurements, the choice with its reasons, and the output files, printed after a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.services.service_catalog import page_of
from tasks.core import Estimate, GroupScore, LibraryComparison, RunProfile, Scorecard
from tasks.core.number_format import format_bytes
from tasks.evaluation.groups import TOO_FEW
from tasks.report.html import verdict
from tasks.report.report_data import CandidateRow, ReportData

if TYPE_CHECKING:
    from flows.results.outcome import Outcome

VERDICT_COLOURS = {
    "faster": "green",
    "slower": "red",
    "no measurable change": "yellow",
    "proven within": "green",
    "within, not proven": "yellow",
    "beyond": "red",
}


def make_console() -> Console:
    """The console for standard output; 150 columns wide when it is not a terminal, so that the tables fit."""
    console = Console()
    return console if console.is_terminal else Console(width=150)


def show_outcome(outcome: Outcome, console: Console) -> None:
    """Prints the tables, the answers and the locations of the outputs."""
    report = outcome.report
    console.print()
    console.print(scores_table(report))
    if report.test and report.test[0].groups:
        console.print(groups_table(report))
    console.print(reasons_table(report))
    if report.tradeoff:
        console.print(f"[bold]search[/] {escape(report.tradeoff.answer)}", highlight=False)
    if report.branch_search:
        console.print(f"[bold]search for branches[/] {escape(report.branch_search.answer)}", highlight=False)
    if report.profile:
        console.print(f"[bold]batches[/] {escape(profile_text(report.profile))}", highlight=False)
    if report.library:
        console.print(f"[bold]in Python[/] {escape(library_text(report.library))}", highlight=False)
    if report.training:
        console.print(f"[bold]training[/] {escape(report.training)}", highlight=False)
    console.print(f"[bold]{report.answer}[/]", highlight=False)
    validation = next(entry.card for entry in report.entries if entry.card)
    runs = report.runtime
    console.print(
        f"[dim]95 % intervals; table: {validation.score.n} validation examples; latency: batch {runs.batch}, "
        f"{runs.threads} thread(s), {processes_text(report)}, on {validation.host}[/]",
        highlight=False,
    )
    show_locations(outcome, console)


def processes_text(report: ReportData) -> str:
    """The numbers of processes in which the candidates were timed: `5 processes`, or `3 to 5 processes`."""
    counts = {entry.card.latency.processes for entry in report.entries if entry.card}
    return f"{' to '.join(str(end) for end in sorted({min(counts), max(counts)}))} processes"


def profile_text(found: RunProfile) -> str:
    """How the product runs beside the recipe's batch, in a sentence."""
    if found.failure:
        return f"other batches and first runs could not be measured: {found.failure}"
    start, told = found.starts[-1], []
    if len(found.starts) > 1 and found.batches:
        ratios = [
            f"{each.ratio.value:.3g}× [{each.ratio.low:.3g}, {each.ratio.high:.3g}] at batch {each.batch}"
            for each in found.batches
        ]
        told.append(f"{', '.join(ratios)} of the baseline's speed")
    first = f"{start.load_ms.value:.3g} ms to open and {start.call_ms.value:.3g} ms for the first call"
    told.append(f"{start.name}: {first}, peak memory {start.memory_mb.value:.3g} MiB ({start.load_ms.n} processes)")
    noise = "" if found.quiet else "; measured while other work ran"
    return f"{'; '.join(told)}{noise}"


def library_text(found: LibraryComparison) -> str:
    """What the same model costs in Python, in a sentence."""
    if not found.times:
        return f"the same model could not be timed: {found.failure}"
    told = []
    for rows in dict.fromkeys(each.rows for each in found.times):
        peers = [each for each in found.times if each.rows == rows][1:]  # the first is the product
        ratios = [
            f"{each.name} {each.ratio.value:.3g}× [{each.ratio.low:.3g}, {each.ratio.high:.3g}]" for each in peers
        ]
        told.append(f"for {rows:,} row{'s' if rows > 1 else ''} {', '.join(ratios)}")
    noise = "" if found.quiet else "; measured while other work ran"
    return f"{'; '.join(told)} of the product's time{noise}"


def show_locations(outcome: Outcome, console: Console) -> None:
    """Prints where the product, the report, the registered model and the servers are."""
    import os

    version, api = outcome.version, os.environ.get("PREFECT_API_URL")
    tracking = {name: link for name, link in outcome.report.links.items() if "MLflow" in name}
    rows = {
        "product": outcome.folder / "model.onnx",
        "report": outcome.folder / "report.html",
        "registry": version.uri,
        **tracking,
        "Prefect": page_of(api) if api else f"PREFECT_HOME={os.environ.get('PREFECT_HOME')} prefect server start",
    }
    if outcome.promotion is not None:
        rows["gate"] = escape(outcome.promotion.reason)
    if outcome.reused:
        rows["from the store"] = f"{len(outcome.reused)} steps"
    for name, value in rows.items():
        console.print(f"[dim]{name:>15}[/] {value}", highlight=False, soft_wrap=True)


def scores_table(report: ReportData) -> Table:
    """A table with one row for each branch (validation), then one for each test scorecard."""
    table = Table(title=f"{report.name}: validation chooses", title_justify="left")
    table.add_column("candidate")
    table.add_column(f"{report.metric.title} [95 %]")
    table.add_column("paired drop, verdict")
    table.add_column("latency ratio, verdict")
    table.add_column("ms", justify="right")
    table.add_column("size", justify="right")
    for entry in report.entries:
        mark = "[bold green]➜ " if entry.chosen else "[dim]" if entry.role == "control" else ""
        if entry.card is None:
            table.add_row(f"{mark}{entry.name}", "refused", "", "", "", "")
        else:
            table.add_row(f"{mark}{entry.name}", *cells(entry.card))
    for card in report.test:
        table.add_row(f"[cyan]test: {card.name}", *cells(card), end_section=False)
    return table


def cells(card: Scorecard) -> list[str]:
    """The cells of a scorecard's row after its name: score, drop, latency ratio, milliseconds, size."""
    drop, latency = card.drop, card.latency
    beside = f"; {interval(latency.float_ratio, 2)}× of the fastest float32" if latency.float_ratio else ""
    return [
        interval(card.score),
        f"{interval(drop.estimate)} [{VERDICT_COLOURS[drop.verdict]}]{verdict(drop)}[/]",
        f"{interval(latency.ratio, 2)}× [{VERDICT_COLOURS[latency.verdict]}]{latency.words}[/]{beside}",
        f"{latency.median_ms:.4f}",
        f"{format_bytes(card.size.bytes)}, {card.size_ratio:.2f}×",
    ]


def groups_table(report: ReportData) -> Table:
    """A table with one row for each group: the baseline and, if there is one, the candidate that test confirms."""
    before, *others = report.test
    card = others[-1] if others else before
    level = 100 - 5 / len(card.groups)
    table = Table(title=f"groups on {card.split}, {level:.4g} % intervals: 95 % for all", title_justify="left")
    for name in ("group", "n", f"{before.name}: {report.metric.title}"):
        table.add_column(name)
    if others:
        table.add_column(f"{card.name}: {report.metric.title}")
        table.add_column("paired drop, verdict")
    for own, group in zip(before.groups, card.groups, strict=True):
        table.add_row(escape(group.name), f"{group.n:,}", *group_cells(own, group)[: 3 if others else 1])
    return table


def group_cells(own: GroupScore, group: GroupScore) -> list[str]:
    """The baseline's score of a group, a candidate's score, and its drop."""
    if not (own.score and group.score and group.drop):
        return [TOO_FEW, "", ""]
    drop = group.drop
    words = f"{interval(drop.estimate)} [{VERDICT_COLOURS[drop.verdict]}]{verdict(drop)}[/]"
    return [interval(own.score), interval(group.score), words]


def interval(estimate: Estimate, digits: int = 4) -> str:
    """`0.9861 \\[0.9720, 0.9932]`, its bracket escaped for Rich."""
    return f"{estimate.value:.{digits}f} \\[{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def reasons_table(report: ReportData) -> Table:
    """A table with the reason why each branch was chosen or rejected, the chosen one first."""
    table = Table(show_header=False, box=None, padding=(0, 1))
    for entry in sorted(report.entries, key=lambda entry: not entry.chosen):
        table.add_row(_mark(entry), entry.name, f"[dim]{escape(entry.reason)}[/]")
    return table


def _mark(entry: CandidateRow) -> str:
    if entry.chosen:
        return "[green]➜[/]"
    return "[dim]·[/]" if entry.role != "candidate" else "[red]✗[/]"
