"""Verdicts: what a table says of each cell, in a sentence, and which cell it recommends."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.core import Estimate
from tasks.study.design import Cell, Design
from tasks.study.effects import Effect, Measured, Ratio, effect_of, ratio_of
from tasks.study.explained_variation import explain_score, shares_text

BLURRED = 2.0
"""How many times the usual smallest visible effect of a table a cell's may be, before it is named apart."""
PACE_NOISE = 1.2
"""By what factor the times of two equal trainings may differ on one machine, one after the other: a seed's ratio of
training times is known no better, however well the seeds agree."""


@dataclass(frozen=True)
class MetricUnit:
    """How differences of a metric are written."""

    scale: float
    """100 for a metric between 0 and 1, whose differences are points; else 1."""
    name: str
    """`points`, or the metric's title."""

    def text(self, value: float) -> str:
        """A size without its sign, with its unit."""
        return f"{abs(value) * self.scale:.2g} {self.name}"

    def signed(self, effect: Effect) -> str:
        """An effect with its interval."""
        value, low, high = (f"{each * self.scale:+.2g}" for each in (effect.value, effect.low, effect.high))
        return f"{value} {self.name} [{low}, {high}]"


@dataclass(frozen=True)
class CellResult:
    """What was found of one cell, over its seeds."""

    cell: Cell
    score: float | None
    """Mean metric on validation."""
    effect: Effect | None
    """None of the reference, and in a table of speed."""
    cost: Ratio | None
    """Its cost over the reference's; None where the table has none, and of the reference."""
    seconds: float | None
    """Mean seconds of training, or of the same work."""
    bytes: float | None
    latency_ms: float | None
    seeds: int
    choice: str
    keep: bool
    sentence: str


@dataclass(frozen=True)
class TableResult:
    """A table with its verdict."""

    design: Design
    rows: tuple[CellResult, ...]
    """The reference first."""
    verdict: str
    recommended: Cell | None
    """The cell that the recommended recipe takes; None where the reference stays."""
    spent: float
    """Seconds that its measurements took."""
    failure: str = ""
    """What broke; else empty."""
    explained: Mapping[str, float] = field(default_factory=dict)
    """Of the hyperparameters: setting → the share of the variation of the score that it explains, and what the seeds do
    (`explain_score`). Empty for other tables, and before a verdict."""


def judge_table(
    design: Design, measured: Sequence[Measured], least: int, margin: float, unit: MetricUnit, failure: str = ""
) -> TableResult:
    """The results of a table's cells, its verdict and its recommendation.

    Args:
        design: the table.
        measured: all measurements of its cells.
        least: seeds below which a verdict is open.
        margin: the goal's `max_drop`: what a cheaper cell may lose.
        unit: how the metric's differences are written.
        failure: what broke while the table was measured; empty for nothing.
    """
    rows = tuple(judge_cell(cell, design, measured, least, margin, unit) for cell in design.cells)
    kept = [row for row in rows if row.keep and row.cell.recommended]
    best = max(kept, key=lambda row: worth(row, design), default=None)
    is_explained = design.name == "hyperparameters" and rows[0].seeds >= least
    explained = explain_score(design, measured) if is_explained else {}
    told = [row.sentence for row in rows[1:] if row.keep] or [_nothing(design, rows, unit)]
    told += [shares_text(explained)] if explained else []
    spent = sum(each.spent for each in measured)
    verdict = f"it broke: {failure}" if failure else "; ".join(told)
    return TableResult(design, rows, verdict, best.cell if best else None, spent, failure, explained)


def worth(row: CellResult, design: Design) -> tuple[float, float]:
    """By which the best of the kept cells is found: the lowest cost of a product or of a training's speed; else the
    largest gain that is beyond noise, and among those without one the cheapest training."""
    saved = -(row.cost.value if row.cost else 1.0)
    if design.cost in ("latency", "bytes") or design.kind == "speed":
        return saved, row.effect.value if row.effect else 0.0
    return row.effect.value if row.effect and row.effect.verdict == "better" else 0.0, saved


def judge_cell(
    cell: Cell, design: Design, measured: Sequence[Measured], least: int, margin: float, unit: MetricUnit
) -> CellResult:
    """What was found of one cell. Only seeds with which cell and reference were measured count."""
    own = {each.seed: each for each in measured if each.cell == cell.name}
    refusal = next((each.refusal for each in own.values() if each.refusal), "")
    whole = [each for each in own.values() if not each.refusal]
    reference = {each.seed: each for each in measured if each.cell == design.reference.name and not each.refusal}
    is_reference = cell.name == design.reference.name
    paired = [] if is_reference else [(each, reference[each.seed]) for each in whole if each.seed in reference]
    gains = [each.gain for each, _ in paired if each.gain is not None]
    ratios = [found for each, beside in paired if (found := cost_ratio(design, each, beside)) is not None]
    effect = effect_of(gains, design.comparisons, least) if gains else None
    cost = ratio_of(ratios, design.comparisons, least) if ratios else None
    keep = is_kept(design, effect, cost, margin) if not is_reference else False
    said = sentence_of(cell, design, effect, cost, keep, margin, unit) if not is_reference else "the reference"
    return CellResult(
        cell,
        mean_known([each.score for each in whole]),
        effect,
        cost,
        mean_known([each.seconds for each in whole]),
        mean_known([each.bytes for each in whole]),
        mean_known([each.latency_ms for each in whole]),
        len(whole),
        next((each.choice for each in whole), ""),
        keep,
        f"{cell.name}: not measured: {refusal}" if refusal else said,
    )


def cost_ratio(design: Design, each: Measured, reference: Measured) -> Estimate | None:
    """A measurement's cost over that of the reference with the same seed; None where it has none."""
    if design.cost == "latency":
        found = each.speedup
        return found and Estimate(1 / found.value, 1 / found.high, 1 / found.low, found.n)
    pairs: Mapping[str, tuple[float | None, float | None]] = {
        "training": (each.seconds, reference.seconds),
        "bytes": (each.bytes, reference.bytes),
        "none": (None, None),
    }
    own, beside = pairs[design.cost]
    ratio = own / beside if own and beside else None
    is_uneven = design.cost == "training" and design.kind == "score" and not design.has_one_pace
    noise = PACE_NOISE if is_uneven else 1.0
    return Estimate(ratio, ratio / noise, ratio * noise, 1) if ratio else None


def is_kept(design: Design, effect: Effect | None, cost: Ratio | None, margin: float) -> bool:
    """Whether a cell is worth taking: better beyond noise, or cheaper beyond noise and within the margin.

    A cell that makes the product slower or larger is not, however good it scores.
    """
    cheaper = cost is not None and cost.change == "less"
    if design.kind == "speed":
        return cheaper
    if effect is None or effect.verdict == "open":
        return False
    if design.cost in ("latency", "bytes") and not cheaper:
        return effect.verdict == "better" and (cost is None or cost.change != "more")
    return effect.verdict == "better" or (cheaper and effect.value >= -margin)


def sentence_of(
    cell: Cell, design: Design, effect: Effect | None, cost: Ratio | None, keep: bool, margin: float, unit: MetricUnit
) -> str:
    """What was found of a cell, with its interval and what to do."""
    parts = [cost_text(design, cost)] if cost is not None else []
    if effect is not None:
        parts.append(effect_text(effect, unit))
    if not parts:
        return f"{cell.name}: not measured yet"
    is_open = (effect is not None and effect.verdict == "open") or (cost is not None and cost.change == "open")
    advice = "too few seeds for a verdict" if is_open else advice_of(effect, keep, margin)
    return f"{cell.name}: {', '.join(parts)}" + (f"; {advice}" if advice else "")


def effect_text(effect: Effect, unit: MetricUnit) -> str:
    """An effect in words: its value with its interval, or the smallest that could have been seen."""
    seeds = f"{effect.seeds} seed{'s' if effect.seeds != 1 else ''}"
    if effect.verdict == "no measurable effect":
        least = unit.text(effect.detectable)
        return f"no measurable effect on the score in {seeds} (below {least} none could have been seen)"
    if effect.verdict == "open" and effect.seeds < 2:
        return f"{effect.value * unit.scale:+.2g} {unit.name} with one seed"
    return f"{unit.signed(effect)} in {seeds}"


def advice_of(effect: Effect | None, keep: bool, margin: float) -> str:
    """What follows for the recipe."""
    if keep:
        return "keep it"
    if effect is None or effect.verdict == "no measurable effect":
        return ""
    if effect.verdict == "worse":
        return "leave it out"
    return "better, but slower or larger" if effect.verdict == "better" else ""


def cost_text(design: Design, cost: Ratio) -> str:
    """A cost in words, with its interval where there are two seeds."""
    words = {"training": "as fast in training", "latency": "as fast", "bytes": "smaller", "none": ""}
    low, high = (f"{1 / each:.3g}" if each else "∞" for each in (cost.high, cost.low))
    interval = f" [{low}, {high}]" if cost.seeds > 1 else ""
    return f"{1 / cost.value:.3g}×{interval} {words[design.cost]}"


def _nothing(design: Design, rows: Sequence[CellResult], unit: MetricUnit) -> str:
    """The verdict of a table that recommends nothing."""
    judged = [row.effect for row in rows if row.effect is not None and row.effect.verdict != "open"]
    if not judged:
        is_judged = any(row.cost is not None and row.cost.change != "open" for row in rows)
        return (
            f"{design.reference.name} stays: nothing is measurably faster"
            if is_judged
            else "too few seeds for a verdict"
        )
    worse = [row.cell.name for row in rows if row.effect is not None and row.effect.verdict == "worse"]
    told = f"{design.reference.name} stays: nothing is better{_unseen(rows, unit)}"
    return told + (f"; {', '.join(worse)} {'is' if len(worse) == 1 else 'are'} worse" if worse else "")


def _unseen(rows: Sequence[CellResult], unit: MetricUnit) -> str:
    """Which effects the design could not have seen; where one cell varies far more than others, that cell's apart."""
    least = {
        row.cell.name: row.effect.detectable
        for row in rows
        if row.effect is not None and row.effect.verdict == "no measurable effect"
    }
    if not least:
        return ""
    bar = BLURRED * statistics.median_low(least.values())
    usual = max(each for each in least.values() if each <= bar)
    apart = "".join(f", for {name} below {unit.text(each)}" for name, each in least.items() if each > bar)
    return f" (below {unit.text(usual)}{apart} it could not have been seen)"


def mean_known(values: Sequence[float | int | None]) -> float | None:
    """The mean of those that are there; None of none."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
