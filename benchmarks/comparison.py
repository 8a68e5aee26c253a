"""Comparison: the files of several tools on one validation split, the chosen ones on the test, and their table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.compression.measure import evaluation_data
from tasks.core import Estimate, Goal, MetricSpec, Prepared, Runtime, Scorecard, SplitName, Workspace
from tasks.data import input_layout
from tasks.evaluation import evaluate as evaluation
from tasks.evaluation import scoring, selection
from tasks.evaluation.evaluate import EvaluationSpec, Product
from tasks.evaluation.latencies import measure_latency
from tasks.kernels.host.machine import host_name

MARGINS = (0.005, 0.01)
BATCH = 32
RUNTIME = Runtime(processes=5)


@dataclass(frozen=True)
class Entry:
    """One file of one tool."""

    tool: str
    name: str
    path: Path
    minutes: float
    """What the tool spent, all its tries included."""


def judge(entries: Sequence[Entry], prepared: Prepared, workspace: Workspace) -> list[dict[str, Any]]:
    """One row for each margin and tool: the file that validation chose, as it is on the test."""
    by_name = {entry.name: entry for entry in entries}
    cards = evaluate(by_name, "validation", prepared, workspace)
    chosen = {
        (margin, tool): pick([cards[entry.name] for entry in entries if entry.tool == tool], margin)
        for margin in MARGINS
        for tool in dict.fromkeys(entry.tool for entry in entries if entry.tool != "baseline")
    }
    names = dict.fromkeys(["baseline", *(card.name for card in chosen.values() if card)])
    finalists = {name: by_name[name] for name in names}
    final = evaluate(finalists, "test", prepared, workspace)
    batched = time_batched(finalists, prepared, workspace)
    return [
        {"tool": "all", "file": name, "margin": None, "validation": dataclasses.asdict(card.drop.estimate)}
        | {"ratio": dataclasses.asdict(card.latency.ratio), "minutes": by_name[name].minutes}
        for name, card in cards.items()
    ] + [
        {"tool": tool, "margin": margin, "file": card.name if card else None}
        | (row(final[card.name], margin, batched[card.name], by_name[card.name].minutes) if card else {})
        for (margin, tool), card in chosen.items()
    ]


def evaluate(
    entries: Mapping[str, Entry], split: SplitName, prepared: Prepared, workspace: Workspace
) -> dict[str, Scorecard]:
    """Scorecards by name against the baseline, timed at batch 1."""
    examples, spec = (
        evaluation_data(prepared, split, workspace.store),
        EvaluationSpec(Goal(), RUNTIME, split, MetricSpec()),
    )
    return evaluation.evaluate(products(entries), "baseline", examples, spec)


def time_batched(entries: Mapping[str, Entry], prepared: Prepared, workspace: Workspace) -> dict[str, Estimate]:
    """Latency ratios at the large batch."""
    inputs = input_layout.product_inputs(prepared, "test", workspace.store)
    wide = RUNTIME.model_copy(update={"batch": BATCH})
    found = measure_latency({name: entry.path for name, entry in entries.items()}, "baseline", inputs, wide)
    return {name: latency.ratio for name, latency in found.items()}


def products(entries: Mapping[str, Entry]) -> dict[str, Product]:
    """The files as evaluation takes them, by name."""
    return {name: Product(name, name, entry.path, ()) for name, entry in entries.items()}


def pick(cards: Sequence[Scorecard], margin: float) -> Scorecard | None:
    """A tool's best file by the law of selection; None when none is faster and within the margin."""
    # Near the margin an estimate holds on the other half about every other time.
    goal = Goal(max_drop=margin, proof="likely")
    judged = [dataclasses.replace(card, drop=scoring.drop_verdict(card.drop.estimate, margin, None)) for card in cards]
    feasible = [card for card in judged if selection.flaw(card, goal) is None]
    return selection.pick(feasible, goal) if feasible else None


def row(card: Scorecard, margin: float, batched: Estimate, minutes: float) -> dict[str, Any]:
    """A chosen file on the test half."""
    return {
        "accuracy": dataclasses.asdict(card.score),
        "drop": dataclasses.asdict(card.drop.estimate),
        "verdict": scoring.drop_verdict(card.drop.estimate, margin, None).verdict,
        "ratio": dataclasses.asdict(card.latency.ratio),
        f"ratio at batch {BATCH}": dataclasses.asdict(batched),
        "size_ratio": card.size_ratio,
        "minutes": minutes,
    }


def show(rows: Sequence[dict[str, Any]], network: str) -> None:
    """Prints every file on validation, then the chosen ones on the test."""
    print(f"\n{network} on {host_name()}, {RUNTIME.processes} processes, one thread\n\nvalidation half, every file:")
    for each in rows:
        if each["tool"] == "all":
            print(f"  {each['file']:<60} drop {text(each['validation'], 4)}  {text(each['ratio'], 2)}x")
    for margin in MARGINS:
        print(f"\nwithin {100 * margin:g} points on validation; the test half:")
        for each in (each for each in rows if each["margin"] == margin):
            print(f"  {each['tool']:<24} {line(each) if each['file'] else 'no file is faster and within the margin'}")


def table(rows: Sequence[dict[str, Any]], network: str) -> list[str]:
    """The network's table in Markdown, with the count of test images and the host below it."""
    head = f"| {network} within | tool | file | paired drop | batch 1 | batch {BATCH} | smaller | minutes |"
    lines = [head, "|" + "---|" * 8]
    chosen = [each for each in rows if each["margin"] and (each["file"] or "OpenVINO" not in each["tool"])]
    for each in chosen:
        cells = [f"{100 * each['margin']:g} points", each["tool"], each["file"] or "none"]
        if each["file"]:
            cells += [f"{text(each['drop'], 4)}: {each['verdict']}", f"{text(each['ratio'], 2)}×"]
            cells += [f"{text(each[f'ratio at batch {BATCH}'], 2)}×", f"{each['size_ratio']:.1f}×"]
            cells += [f"{each['minutes']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |" + "  |" * (8 - len(cells)))
    counts = {each["drop"]["n"] for each in chosen if each["file"]}
    said = "".join(f"n = {count:,} test images. " for count in counts)
    return [*lines, "", f"{said}Host: {host_name()}."]


def line(each: Mapping[str, Any]) -> str:
    """A chosen file in one line."""
    return (
        f"{each['file']}: accuracy {each['accuracy']['value']:.4f}, drop {text(each['drop'], 4)} {each['verdict']}, "
        f"batch 1 {text(each['ratio'], 2)}x, batch {BATCH} {text(each[f'ratio at batch {BATCH}'], 2)}x, "
        f"{each['size_ratio']:.1f}x smaller, {each['minutes']:.1f} min"
    )


def text(estimate: Mapping[str, float], digits: int) -> str:
    """A number with its interval."""
    return f"{estimate['value']:.{digits}f} [{estimate['low']:.{digits}f}, {estimate['high']:.{digits}f}]"
