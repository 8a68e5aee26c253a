"""HTML report: renders a finished run as one self-contained page that loads nothing from the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import Drop, Estimate, Scorecard, number_format
from tasks.core.number_format import Unit
from tasks.report.figures import ReportFigures
from tasks.report.report_data import CandidateRow, ReportData

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def render_report(report: ReportData) -> str:
    """The report as HTML text; all texts in the data are escaped."""
    unit = _unit(report)
    entries = _ordered(report)
    chosen = next((entry for entry in entries if entry.chosen), None)
    headline = _on_test(report, chosen) or (chosen.card if chosen else None)
    figures = ReportFigures(unit, report.goal, report.metric)
    return (
        _environment(unit)
        .get_template("report.html.j2")
        .render(
            report=report,
            style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
            entries=entries,
            measured=[entry for entry in entries if entry.card],
            cards=[entry.card for entry in entries if entry.card],
            baseline=next((entry for entry in entries if entry.role == "baseline" and entry.card), None),
            chosen=chosen,
            headline=headline,
            status=_status(chosen, headline),
            best=report.tradeoff.taken if report.tradeoff else _best(report, figures.lower_is_better),
            figures=figures,
            limits=report.goal.limits.model_dump(exclude_none=True),
        )
    )


def verdict(drop: Drop) -> str:
    """The verdict on a drop as text; if it is not proven, with the number of examples that would prove it."""
    if drop.verdict == "beyond":
        return "beyond the margin"
    needs = "" if drop.needed is None else f" (needs {number_format.format_count(drop.needed)} examples)"
    return drop.verdict + needs


def _status(chosen: CandidateRow | None, card: Scorecard | None) -> tuple[str, str]:
    """The badge above the answer: (tone, text); the tone (`good`, `fair` or `bad`) is a style class."""
    if chosen is None or card is None or chosen.role == "baseline":
        return "bad", "No candidate meets the goal: the product is the baseline"
    words = f"on {card.split}: {verdict(card.drop)}"
    if card.drop.verdict == "beyond":
        return "bad", f"Chosen on validation, but {words}"
    hurt = sum(group.drop is not None and group.drop.verdict == "beyond" for group in card.groups)
    if hurt:
        return "fair", f"Goal met; drop {words}, but {hurt} group{'s' if hurt > 1 else ''} beyond the margin"
    return ("good" if card.drop.verdict == "proven within" else "fair"), f"Goal met; drop {words}"


def _unit(report: ReportData) -> Unit:
    scores = [entry.card.score for entry in report.entries if entry.card]
    width = min((score.high - score.low for score in scores), default=0.0)
    return number_format.unit_of(report.metric.is_share, report.goal.max_drop or width)


def _ordered(report: ReportData) -> list[CandidateRow]:
    """The rows in this order: baseline, chosen candidate, other candidates by cost, controls, refused branches."""

    def rank(entry: CandidateRow) -> tuple[bool, bool, bool, bool, float]:
        cost = 0.0
        if entry.card:
            size, latency = entry.card.size.bytes, entry.card.latency.median_ms
            cost = latency if report.goal.minimize == "latency" else size
        return entry.card is None, entry.role == "control", entry.role != "baseline", not entry.chosen, cost

    return sorted(report.entries, key=rank)


def _on_test(report: ReportData, chosen: CandidateRow | None) -> Scorecard | None:
    wanted = chosen.card.candidate if chosen and chosen.card else None
    return next((card for card in report.test if card.candidate == wanted), None)


def _best(report: ReportData, lower_is_better: bool) -> int | None:
    """The number of the finished trial with the best score; None when there is none."""
    scored = [trial for trial in report.trials if trial["score"] is not None and trial["state"] == "finished"]
    sign = 1 if lower_is_better else -1
    return min(scored, key=lambda trial: sign * trial["score"])["number"] if scored else None


def _safe(link: str) -> bool:
    """Whether a text may become a link: a web address, a file or a relative path, but no script."""
    return link.startswith(("http://", "https://", "file://")) or ":" not in link


def _value(value: Any) -> str:
    """A knob's value as in a recipe; floats have four significant digits, lists are joined by commas."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_value, value)) if isinstance(value, list | tuple) else str(value)


def page_environment() -> Environment:
    """What every page is made with: texts are escaped, and a name that a template does not know is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _environment(unit: Unit) -> Environment:
    from markupsafe import Markup

    def score_span(estimate: Estimate) -> str:
        return unit.score_span(estimate.low, estimate.high)

    def change_span(estimate: Estimate) -> str:
        return unit.change_span(estimate.low, estimate.high)

    environment = page_environment()
    environment.filters |= {"score": unit.score, "score_span": score_span}
    environment.filters |= {"change": unit.change, "change_span": change_span}
    environment.filters |= {
        "count": number_format.format_count,
        "storage": number_format.format_bytes,
        "ratio": number_format.format_ratio,
    }
    environment.filters |= {"significant": number_format.format_significant, "duration": number_format.format_duration}
    environment.filters |= {"value": _value, "verdict": verdict, "svg": Markup}
    environment.tests["safe_link"] = _safe
    return environment
