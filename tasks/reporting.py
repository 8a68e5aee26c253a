"""Report: a finished run as one self-contained HTML page that needs no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks.artifacts import Drop, Estimate, Goal, Runtime, Scorecard
from tasks.kernels import charts
from tasks.kernels.charts import Unit
from tasks.pictures import Pictures

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
State = Literal["own", "finished", "stopped early", "given up", "failed"]
"""How the trial of a branch ended."""


@dataclass(frozen=True)
class Stage:
    """One bar of a waterfall: the model after one step, measured on its exported file."""

    label: str
    card: Scorecard


@dataclass(frozen=True)
class Entry:
    """One row of the table: a model, its measurements, and why it was chosen or not."""

    name: str
    role: Literal["baseline", "candidate", "control"]
    chosen: bool
    reason: str
    """Why chosen, or why rejected, in one sentence."""
    card: Scorecard | None
    """None: the branch was refused and could not be measured; the reason says why."""
    stages: tuple[Stage, ...]
    curves: dict[str, tuple[dict[str, Any], ...]]
    """By step label, one record an epoch: number, train_loss, validation_loss, validation_score,
    learning_rate, seconds; a loss or score that is missing or None is not drawn."""
    steps: tuple[dict[str, Any], ...]
    """What was done: label, technique, knobs (a dictionary), summary (of the plan), minutes."""


@dataclass(frozen=True)
class Tried:
    """A branch that a search tried, or one of the recipe's own beside them."""

    name: str
    branch: str
    """Its steps in words."""
    state: State
    """`own`: one of the recipe's; `given up`: it could not have beaten what was known."""
    drop: float | None
    speedup: float | None
    bytes: int | None
    size_ratio: float | None
    """The baseline's bytes over this one's."""
    rank: float | None
    """Above 0 the share that is saved by one that meets the goal, below 0 how far it misses."""
    epochs: int | None
    """Of recovery; None where it is not known, as for `seconds`."""
    seconds: float | None
    reason: str
    """Why it was given up or failed, in one line; else empty."""
    best: bool = False


@dataclass(frozen=True)
class Searched:
    """A search for branches."""

    answer: str
    """What it came to, in a few sentences."""
    tried: tuple[Tried, ...]
    """The recipe's own branches, then the trials in order."""


@dataclass(frozen=True)
class Weighed:
    """The second objective of a search for how the baseline is trained."""

    cost: str
    """`latency_ms` or `bytes`: what was minimized beside the score."""
    taken: int
    """The number of the trial whose values were used."""
    front: tuple[int, ...]
    """The trials that no other beats in both, the least cost first."""
    answer: str
    """Which was taken, and why."""


@dataclass(frozen=True)
class Story:
    """Everything that a report tells."""

    name: str
    answer: str
    """The result in one sentence."""
    created: str
    duration_s: float
    recipe: str
    """The recipe as YAML."""
    host: dict[str, str]
    data: dict[str, str]
    goal: Goal
    runtime: Runtime
    entries: tuple[Entry, ...]
    test: tuple[Scorecard, ...]
    """The baseline and the chosen one on the test split: the one time it was opened."""
    trials: tuple[dict[str, Any], ...]
    """number, point ({path: value}), is_stage (of a population, with other values than at its start), score (None: it
    has none), cost (None: not measured, or there is none), epochs, state, seconds, reason (why it has no score); the
    state is `finished`, `stopped early` or `failed`."""
    searched: Searched | None
    """The search for branches; None when there was none."""
    metric: str
    links: dict[str, str]
    notes: tuple[str, ...]
    weighed: Weighed | None = None
    """Where the trials have two objectives."""


def render(story: Story) -> str:
    """The report as HTML; every text of the story is escaped."""
    unit = _unit(story)
    entries = _ordered(story)
    chosen = next((entry for entry in entries if entry.chosen), None)
    headline = _on_test(story, chosen) or (chosen.card if chosen else None)
    pictures = Pictures(unit, story.goal)
    return (
        _environment(unit)
        .get_template("report.html.j2")
        .render(
            story=story,
            style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
            entries=entries,
            measured=[entry for entry in entries if entry.card],
            cards=[entry.card for entry in entries if entry.card],
            baseline=next((entry for entry in entries if entry.role == "baseline" and entry.card), None),
            chosen=chosen,
            headline=headline,
            status=_status(chosen, headline),
            best=story.weighed.taken if story.weighed else _best(story, pictures.lower_is_better),
            pictures=pictures,
            limits=story.goal.limits.model_dump(exclude_none=True),
        )
    )


def verdict(drop: Drop) -> str:
    """The verdict in words; what is not proven says how many examples would prove it."""
    if drop.verdict == "beyond":
        return "beyond the margin"
    needs = "" if drop.needed is None else f" (needs {charts.count(drop.needed)} examples)"
    return drop.verdict + needs


def _status(chosen: Entry | None, card: Scorecard | None) -> tuple[str, str]:
    """The tone and the words of the badge above the answer."""
    if chosen is None or card is None or chosen.role == "baseline":
        return "bad", "No candidate meets the goal: the product is the baseline"
    words = f"on {card.split}: {verdict(card.drop)}"
    if card.drop.verdict == "beyond":
        return "bad", f"Chosen on validation, but {words}"
    return ("good" if card.drop.verdict == "proven within" else "fair"), f"Goal met; drop {words}"


def _unit(story: Story) -> Unit:
    scores = [entry.card.score for entry in story.entries if entry.card]
    width = min((score.high - score.low for score in scores), default=0.0)
    return charts.unit_of(story.metric, story.goal.max_drop or width)


def _ordered(story: Story) -> list[Entry]:
    """The baseline, the chosen one, the candidates from the least cost on, the controls, the refused."""

    def rank(entry: Entry) -> tuple[bool, bool, bool, bool, float]:
        cost = 0.0
        if entry.card:
            size, latency = entry.card.size.bytes, entry.card.latency.median_ms
            cost = latency if story.goal.minimize == "latency" else size
        return entry.card is None, entry.role == "control", entry.role != "baseline", not entry.chosen, cost

    return sorted(story.entries, key=rank)


def _on_test(story: Story, chosen: Entry | None) -> Scorecard | None:
    wanted = chosen.card.candidate if chosen and chosen.card else None
    return next((card for card in story.test if card.candidate == wanted), None)


def _best(story: Story, lower_is_better: bool) -> int | None:
    """The number of the best finished trial."""
    scored = [trial for trial in story.trials if trial["score"] is not None and trial["state"] == "finished"]
    sign = 1 if lower_is_better else -1
    return min(scored, key=lambda trial: sign * trial["score"])["number"] if scored else None


def _safe(link: str) -> bool:
    """Whether a link may be followed: the web, a file, or a path beside the report; never a script."""
    return link.startswith(("http://", "https://", "file://")) or ":" not in link


def _value(value: Any) -> str:
    """A knob's value as a recipe writes it, with long fractions cut to four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_value, value)) if isinstance(value, list | tuple) else str(value)


def _environment(unit: Unit) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def score_span(estimate: Estimate) -> str:
        return unit.score_span(estimate.low, estimate.high)

    def change_span(estimate: Estimate) -> str:
        return unit.change_span(estimate.low, estimate.high)

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"score": unit.score, "score_span": score_span}
    environment.filters |= {"change": unit.change, "change_span": change_span}
    environment.filters |= {"count": charts.count, "storage": charts.storage, "ratio": charts.ratio}
    environment.filters |= {"significant": charts.significant, "duration": charts.duration}
    environment.filters |= {"value": _value, "verdict": verdict, "svg": Markup}
    environment.tests["safe_link"] = _safe
    return environment
