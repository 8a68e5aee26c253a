"""Figures of the report: charts of scorecards, epochs and trials, in the report's unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import Goal, RunProfile, Scorecard, number_format
from tasks.core.number_format import Unit
from tasks.report import charts
from tasks.report.charts import AxisScale, Bar, BranchMark, Frame, Interval, ParetoView, Point, Series, TrialMark

if TYPE_CHECKING:
    from tasks.kernels.statistics.metrics import Metric
    from tasks.report.report_data import Tradeoff, TrialRow

Row = tuple[str, Literal["baseline", "candidate", "control"], bool, Scorecard]
"""(name, role, whether it was chosen, its measurements)."""


@dataclass(frozen=True)
class ReportFigures:
    """Draws the report's charts in one unit and for one goal. Every method returns SVG text; all texts are escaped."""

    unit: Unit
    goal: Goal
    metric: Metric

    @property
    def lower_is_better(self) -> bool:
        """Whether a smaller score is better."""
        return self.metric.lower_is_better

    def overview(self, rows: Sequence[Row], *, narrow: bool = False) -> str:
        """The score of each model against what the goal minimizes; the remaining cost is shown as area.

        A narrow chart is for phones and shows each model's number instead of its name.
        """
        slow, big = "median latency, ms", "file size, kB"
        by_latency = self.goal.minimize == "latency"
        view = ParetoView(
            x_title=f"← better · {slow if by_latency else big}",
            y_title=f"↑ better · {self.metric.title}{', axis reversed' if self.lower_is_better else ''}",
            area_title=f"area = {(big if by_latency else slow).partition(',')[0]}",
            lower_is_better=self.lower_is_better,
            margin=self.goal.max_drop,
            highest=self.unit.highest,
            width=360 if narrow else 1056,
            height=400 if narrow else 520,
        )
        return charts.pareto([self._point(index, row, narrow) for index, row in enumerate(rows, 1)], view)

    def _point(self, number: int, row: Row, narrow: bool) -> Point:
        name, role, chosen, card = row
        score = self._score(card)
        size = _size(card)
        words = (self.unit.score(card.score.value), _ms(card), number_format.format_bytes(card.size.bytes))
        hint = f"{name}: {', '.join(words)}"
        by_latency = self.goal.minimize == "latency"
        x, area = (_latency(card), size.value) if by_latency else (size, card.latency.median_ms)
        return Point(str(number) if narrow else name, x, score, area, role, chosen, hint)

    def _score(self, card: Scorecard) -> Interval:
        """The score with the interval of its paired drop, because the margin applies to the drop.

        The interval ends where the metric does.
        """
        sign = 1 if self.lower_is_better else -1
        drop = card.drop.estimate
        ends = (card.score.value + sign * (end - drop.value) for end in (drop.low, drop.high))
        low, high = sorted(map(self.unit.clip, ends))
        return Interval(card.score.value, low, high)

    def drop(self, card: Scorecard, cards: Sequence[Scorecard]) -> str:
        """The paired drop of one card, with 0 and the margin, on a scale for all `cards`."""
        ends = [end for other in cards for end in (other.drop.estimate.low, other.drop.estimate.high)]
        margin = card.drop.margin
        furthest = margin * 4 if margin > 0 else max(*map(abs, ends), 1e-12)
        scale = AxisScale(max(min(*ends, 0.0), -furthest), min(max(*ends, margin), furthest), 4, 128)
        tone = {"proven within": "good", "within, not proven": "fair", "beyond": "bad"}[card.drop.verdict]
        return charts.forest(_interval(card.drop.estimate), scale, reference=0.0, margin=margin, tone=tone)

    def speed(self, card: Scorecard, cards: Sequence[Scorecard]) -> str:
        """The latency ratio of one card, with 1 as reference, on a logarithmic scale for all `cards`."""
        ends = [end for other in cards for end in (other.latency.ratio.low, other.latency.ratio.high)]
        scale = AxisScale(min(*ends, 0.8), max(*ends, 1.25), 4, 128, log=True)
        tone = {"faster": "good", "no measurable change": "none", "slower": "bad"}[card.latency.verdict]
        return charts.forest(_interval(card.latency.ratio), scale, reference=1.0, tone=tone)

    def stages(self, stages: Sequence[tuple[str, Scorecard]]) -> list[str]:
        """Three charts: the score, the latency and the file size after each step of a branch.

        `stages` are (label, scorecard) in order; the first is the baseline.
        """
        base = stages[0][1]
        start = base.score.value
        margin = self.goal.max_drop * (1 if self.lower_is_better else -1)
        score = [Bar(label, self._score(card), self.unit.score(card.score.value)) for label, card in stages]
        latency = [Bar(label, _latency(card), _ms(card)) for label, card in stages]
        size = [Bar(label, _size(card), number_format.format_bytes(card.size.bytes)) for label, card in stages]
        return [
            charts.dots(score, f"{self.metric.title} after each step", base=start, edge=start + margin),
            charts.bars(latency, "median latency after each step", whiskers=True),
            charts.bars(size, "file size after each step"),
        ]

    def batches(self, profile: RunProfile) -> str:
        """The milliseconds that baseline and product take for one example, by the number of examples in a call."""
        rows = profile.batches
        series = [Series("baseline", tuple((row.batch, row.baseline_ms / row.batch) for row in rows), "first")]
        if len(profile.starts) > 1:
            points = tuple((row.batch, row.product_ms / row.batch) for row in rows)
            series.append(Series(profile.starts[-1].name, points, "second"))
        return charts.lines(series, "milliseconds by batch", "examples in a call", "ms for one example")

    def curves(self, label: str, epochs: Sequence[dict[str, Any]], best: int | None) -> list[str]:
        """Charts of loss, validation score and learning rate by epoch. A chart without data is left out.

        Args:
            label: what was trained.
            epochs: records as in `CandidateRow.curves`.
            best: number of the epoch that is marked; None for none.
        """

        def series(key: str) -> tuple[tuple[float, float], ...]:
            return tuple((e["number"], e[key]) for e in epochs if e.get(key) is not None)

        scores, most = series("validation_score"), self.unit.highest
        losses = [
            Series("train", series("train_loss"), "first"),
            Series("valid.", series("validation_loss"), "second"),
        ]
        score, rate = [Series("", scores, "third")], [Series("", series("learning_rate"), "first")]
        drawn = [
            charts.lines(losses, f"{label}: loss by epoch", "epoch", "loss", mark=best),
            charts.lines(
                score, f"{label}: score by epoch", "epoch", f"validation {self.metric.title}", mark=best, most=most
            ),
            charts.lines(rate, f"{label}: learning rate by epoch", "epoch", "learning rate"),
        ]
        return [picture for picture in drawn if picture]

    def trials(self, trials: Sequence[dict[str, Any]], best: int | None) -> list[str]:
        """Charts of the trials' scores: against the trial number, then against the value of each searched path.

        Args:
            trials: records as in `ReportData.trials`.
            best: number of the trial to highlight; None for none.
        """
        paths = sorted({path for trial in trials for path in trial["point"]})
        axes = [("trial", [(trial, trial["number"]) for trial in trials])]
        axes += [(p, [(trial, trial["point"][p]) for trial in trials if p in trial["point"]]) for p in paths]
        return [
            charts.scatter(
                [self._trial(trial, at, best) for trial, at in places],
                f"Score of {len(places)} trials against {axis}",
                axis,
                self.metric.title,
                lower_is_better=self.lower_is_better,
                most=self.unit.highest,
            )
            for axis, places in axes
        ]

    def _trial(self, trial: dict[str, Any], at: Any, best: int | None) -> TrialMark:
        score = trial["score"]
        at = at if isinstance(at, int | float | str) and not isinstance(at, bool) else str(at)
        hint = f"trial {trial['number']}: {trial['state']}"
        if score is not None and not math.isfinite(score):
            score = None
        if score is not None:
            hint = f"{hint}, {self.unit.score(score)}"
        return TrialMark(at, score, trial["state"], trial["number"] == best, hint)

    def tradeoff(self, tried: Sequence[TrialRow], *, narrow: bool = False) -> str:
        """The drop of the branches that a search tried against their speed-up, or against their reduction in size."""
        by_latency = self.goal.minimize == "latency"
        gain = "speed-up" if by_latency else "size, baseline ÷ this"
        measured = ((each, each.speedup if by_latency else each.size_ratio) for each in tried)
        drawn = [self._try(each, times) for each, times in measured if each.drop is not None and times]
        return charts.tradeoff(drawn, self._frame(gain, "the branches that were tried", narrow))

    def trial_tradeoff(self, trials: Sequence[dict[str, Any]], tradeoff: Tradeoff, *, narrow: bool = False) -> str:
        """The trials of a search with two objectives: their drop against their reduction in cost.

        Both are relative to the trial with the best score. Empty when no trial has a score and a cost.
        """
        known = [trial for trial in trials if trial["score"] is not None and trial["cost"]]
        if not known:
            return ""
        sign = 1 if self.lower_is_better else -1
        best = min(known, key=lambda trial: sign * trial["score"])
        gain = f"{'latency' if tradeoff.cost == 'latency_ms' else 'size'}, trial {best['number']} ÷ this"
        drawn = []
        for trial in known:
            times, drop = best["cost"] / trial["cost"], sign * (trial["score"] - best["score"])
            name = f"trial {trial['number']}"
            kind: Any = "best" if trial["number"] == tradeoff.taken else trial["state"]
            hint = f"{name}: {trial['state']}; {self.unit.score(trial['score'])}, {number_format.format_ratio(times)}"
            label = name if trial["number"] in (tradeoff.taken, *tradeoff.front) else ""
            drawn.append(BranchMark(label, times, drop, kind, hint))
        return charts.tradeoff(drawn, self._frame(gain, f"{len(known)} trials", narrow))

    def _frame(self, gain: str, tried: str, narrow: bool) -> Frame:
        return Frame(
            f"Drop of {self.metric.title} against {gain} of {tried}",
            f"{gain} · better →",
            f"↑ better · drop of {self.metric.title}, axis reversed",
            self.goal.max_drop,
            *((360, 340) if narrow else ()),
        )

    def _try(self, each: TrialRow, ratio: float) -> BranchMark:
        kind: Any = "best" if each.best else each.state
        drop = each.drop or 0.0
        hint = f"{each.name}: {each.branch}; drop {self.unit.change(drop)}, {number_format.format_ratio(ratio)}"
        label = each.name if kind in ("own", "best") else ""
        return BranchMark(label, ratio, drop, "finished" if kind in ("given up", "failed") else kind, hint)


def _interval(estimate: Any) -> Interval:
    return Interval(estimate.value, estimate.low, estimate.high)


def _size(card: Scorecard) -> Interval:
    """The file size in kB (1000 bytes); it is exact, so both ends of the interval are equal to it."""
    return Interval(*[card.size.bytes / 1000] * 3)


def _ms(card: Scorecard) -> str:
    return f"{number_format.format_significant(card.latency.median_ms)} ms"


def _latency(card: Scorecard) -> Interval:
    """The median latency in milliseconds, with the interval of its ratio to the baseline scaled to it."""
    median, ratio = card.latency.median_ms, card.latency.ratio
    return Interval(median, median * ratio.value / ratio.high, median * ratio.value / ratio.low)
