"""Monitor outcome: what a look at a batch found, in one sentence and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.monitoring.drift import DriftLook
from tasks.monitoring.harm import HarmLook
from tasks.monitoring.monitor_spec import Level, MonitorSpec
from tasks.monitoring.shadow import ShadowLook

ACTS = 4
"""Exit code where something has to be done."""


@dataclass(frozen=True)
class Look:
    """One of the looks, as it counts here."""

    what: str
    """`harm`, `inputs`, `predictions`, and after a promotion `shadow`."""
    level: Level
    sentence: str


@dataclass(frozen=True)
class MonitorOutcome:
    """What a look at a batch found."""

    name: str
    """Of the product."""
    version: int
    """Of the champion."""
    source: str
    """The batch."""
    look: int
    """The number of this batch, from 1, since the champion became one."""
    rows: int
    labelled: int
    """Rows of this batch whose labels counted now for the first time."""
    seen_before: bool
    """Whether the batch had been counted before."""
    level: Level
    answer: str
    """Whether anything has to be done, in a sentence."""
    looks: tuple[Look, ...]
    harm: HarmLook | None
    """None where the champion has no reference loss."""
    inputs: DriftLook
    predictions: DriftLook
    shadow: ShadowLook | None = None
    """None where no previous champion runs beside this one."""
    notes: tuple[str, ...] = ()
    """What else is to be known: strange inputs, and what went wrong without harm to the look."""
    is_told: bool = False
    """Whether this look is to be told to others: it says act, and the cool-down is over."""
    back_to: int | None = None
    """The version that is champion again, for this one was worse; None where nothing was rolled back."""
    report: str = ""
    """The HTML page."""

    @property
    def exit_code(self) -> int:
        """ACTS, or 0."""
        return ACTS if self.level == "act" else 0

    @property
    def record(self) -> dict[str, Any]:
        """The outcome as JSON."""
        return asdict(self)


def looks_of(harm: HarmLook | None, drift: Sequence[DriftLook], shadow: ShadowLook | None) -> tuple[Look, ...]:
    """The looks in the order of their weight; the shadow, where there is one, last."""
    unknown = "the champion was registered without losses of its own to compare with"
    first = Look("harm", harm.level, harm.sentence) if harm else Look("harm", "fine", unknown)
    last = (Look("shadow", shadow.level, shadow.sentence),) if shadow else ()
    return first, *(Look(each.what, each.level, each.sentence) for each in drift), *last


def worst_level(looks: Sequence[Look]) -> Level:
    """Act, if one look says so; else warn, if one does."""
    levels = {each.level for each in looks}
    return "act" if "act" in levels else "warn" if "warn" in levels else "fine"


def monitor_answer(name: str, version: int, looks: Sequence[Look], spec: MonitorSpec) -> str:
    """Whether anything has to be done, and why, in a sentence."""
    level, champion = worst_level(looks), f"{name} version {version}"
    reasons = "; ".join(f"{each.what}: {each.sentence}" for each in looks if each.level == level)
    if level == "act" and all(each.what == "shadow" for each in looks if each.level == level):
        return f"Act: take {champion} back ({reasons})"
    if level == "act":
        return f"Act: retrain {champion} ({reasons})"
    if level == "warn":
        told = "" if spec.act_on == "all" else f", for the recipe acts on {spec.act_on}"
        return f"Nothing has to be done yet{told}; look at {champion} ({reasons})"
    harm = looks[0].sentence
    return f"Nothing has to be done: {champion} is as it was ({harm}; {looks[1].sentence})"


def report_file(home: Path, name: str) -> Path:
    """Where the page of a product's latest look is."""
    return home / "products" / name / "monitor.html"
