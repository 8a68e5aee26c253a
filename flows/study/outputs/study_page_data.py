"""Study page data: what a study found as the plain record from which its page is rendered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from flows.study.outputs.study_text import answer_of, level_of, notes_of, tone_of
from flows.study.recommendation import SUFFIX
from flows.study.study_outcome import StudyResult, Suspect
from tasks.core.number_format import THIN, fixed, format_significant, span
from tasks.study.effects import Effect, Measured, Ratio
from tasks.study.verdicts import CellResult, MetricUnit, TableResult

TONES = {"better": "good", "worse": "bad", "no measurable effect": "none", "open": ""}
COST_TONES = {"less": "good", "more": "bad", "no measurable change": "none", "open": ""}
"""What was found → style of its dot; that of an open one is plain."""


def page_of_study(result: StudyResult) -> dict[str, Any]:
    """The record of a study, as `render_study` takes it."""
    confirmation, unit = result.confirmation, result.unit
    fulfilled = confirmation is not None and confirmation.within and confirmation.not_slower
    left = [{"title": each.title, "reason": f"left out: {each.reason}"} for each in result.left_out]
    left += [{"title": each, "reason": "not begun: the budget ended before it"} for each in result.not_begun]
    return {
        "name": result.asked.name,
        "host": result.host,
        "answer": answer_of(result),
        "notes": notes_of(result),
        "minutes": result.minutes,
        "budget": result.asked.study.minutes,
        "n": result.n,
        "metric": {
            "title": result.metric,
            "unit": unit.name,
            "scale": unit.scale,
            "margin": unit.scale * result.asked.goal.max_drop,
            "is_share": unit.scale != 1.0,
            "lower_is_better": result.lower_is_better,
        },
        "changes": [{"path": each.path, "value": str(each.value), "why": each.why} for each in result.recommendations],
        "confirmation": {"tone": "good" if fulfilled else "bad", "sentence": confirmation.sentence}
        if confirmation
        else None,
        "left": left,
        "file": f"{result.asked.name}.{SUFFIX}.yaml",
        "tables": [
            _table(table, [each for name, each in result.measured if name == table.design.name], result)
            for table in result.tables
        ],
    }


def _table(table: TableResult, measured: Sequence[Measured], result: StudyResult) -> dict[str, Any]:
    design = table.design
    return {
        "name": design.name,
        "title": design.title,
        "question": design.question,
        "varied": design.varied,
        "held": design.held,
        "note": design.note,
        "verdict": table.verdict,
        "tone": tone_of(table),
        "level": level_of(table),
        "cost": "time" if design.kind == "speed" else design.cost,
        "failure": table.failure,
        "curves": _curves(measured) if design.name == "early_stopping" else [],
        "explained": dict(sorted(table.explained.items(), key=lambda pair: -pair[1])),
        "suspects": [suspect_text(each) for each in result.suspects] if design.name == "data" else [],
        "rows": [_row(row, table, result.unit) for row in table.rows],
    }


def suspect_text(each: Suspect) -> str:
    """A row that looks mislabelled, in a sentence."""
    place = f"row {each.source_row:,}" if each.source_row is not None else f"train row {each.row:,}"
    return f"{place}: labelled {each.label}, seems {each.seems}"


def _curves(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """The curves of the first seed, the longest first, so that those which stop earlier are drawn over it."""
    first = [each for each in measured if each.seed == 0 and each.curve]
    ordered = sorted(first, key=lambda each: -len(each.curve))
    return [{"label": each.cell, "points": [list(point) for point in each.curve]} for each in ordered]


def _row(row: CellResult, table: TableResult, unit: MetricUnit) -> dict[str, Any]:
    is_data = table.design.name == "data" and not row.cell.without_suspects
    return {
        "name": row.cell.name,
        "is_first": row.cell == table.design.reference,
        "keep": row.keep,
        "recommended": row.cell == table.recommended,
        "seeds": row.seeds,
        "score": row.score,
        "effect": _scaled(row.effect, unit),
        "effect_text": effect_text_of(row.effect, unit),
        "cost": (row.cost.value, row.cost.low, row.cost.high) if row.cost else None,
        "cost_text": cost_text_of(row.cost),
        "tone": TONES[row.effect.verdict] if row.effect else "none",
        "cost_tone": COST_TONES[row.cost.change] if row.cost else "none",
        "seconds": row.seconds,
        "bytes": row.bytes,
        "latency_ms": row.latency_ms,
        "choice": row.choice,
        "share": row.cell.train_share if is_data else None,
        "sentence": row.sentence.removeprefix(f"{row.cell.name}: "),
    }


def _scaled(effect: Effect | None, unit: MetricUnit) -> tuple[float, float, float] | None:
    if effect is None:
        return None
    return effect.value * unit.scale, effect.low * unit.scale, effect.high * unit.scale


def effect_text_of(effect: Effect | None, unit: MetricUnit) -> str:
    """A gain with its interval, with the digits that its width deserves: `+1.00 [+0.72, +1.28]`; empty for none."""
    found = _scaled(effect, unit)
    if found is None:
        return ""
    value, low, high = found
    if not math.isfinite(high - low):
        return f"{_signed(value, 2)} in one seed"
    decimals = _decimals(high - low)
    return f"{_signed(value, decimals)} {span(_signed(low, decimals), _signed(high, decimals))}"


def _decimals(width: float) -> int:
    """How many decimals show two digits of a width; 2 where it is zero."""
    return min(max(1 - math.floor(math.log10(width)), 0), 5) if width > 0 else 2


def _signed(value: float, decimals: int) -> str:
    text = fixed(value, decimals)
    return f"+{text}" if value > 0 and float(f"{value:.{decimals}f}") != 0 else text


def cost_text_of(cost: Ratio | None) -> str:
    """A ratio of costs with its interval: `0.52× [0.50, 0.55]`; empty for none."""
    if cost is None:
        return ""
    if cost.seeds < 2:
        return f"{format_significant(cost.value)}× in one seed"
    return f"{format_significant(cost.value)}×{THIN}{span(format_significant(cost.low), format_significant(cost.high))}"
