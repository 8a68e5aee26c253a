"""The closed loop: how often the monitor alarms for nothing, what the gate promotes, and what rules of retraining give.

    python benchmarks/drift.py [--streams 200] [--replays 400] [--json out.json]
    python benchmarks/drift.py --data FOLDER [--json out.json]

`alarms`: streams of a year of daily looks at rows that are drawn like the champion's reference, of which each stream
has its own. Beside the monitor's levels stands the rule of raw p-values, on the first day: one column with p < 0.05.
`delays`: days until harm is proven after the share of mistakes has risen, at the first day or after a year. `gate`:
comparisons of two models whose losses are drawn; the announced number of rows is that of a comparison before, on 300.
Every share stands with its Wilson 95 % interval and its count. With --data, FOLDER/elec2/elec.csv and the files of
FOLDER/adult are predicted day by day instead (`streams`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from streams import STREAMS, stream_rows

from tasks.core import Estimate, Limits
from tasks.kernels.statistics.intervals import wilson
from tasks.kernels.statistics.one_sided_bounds import paired_bound
from tasks.monitoring.drift import look_for_drift
from tasks.monitoring.harm import look_for_harm
from tasks.monitoring.monitor_spec import MonitorSpec
from tasks.monitoring.monitor_state import MonitorState, add_batch, begin_state, count_losses
from tasks.monitoring.promotion import Comparison, RunningCosts, gate_alpha, judge_challenger
from tasks.monitoring.reference_profile import LossReference, describe_columns, describe_losses

DAYS, ROWS, REFERENCE = 365, 200, 2000
MARGIN, ALPHA = 0.01, 0.05
Generator = np.random.Generator
Losses = NDArray[np.float64]
Draw = Callable[[Generator, int, float], tuple[Losses, Losses]]
"""(generator, rows, how much worse the second is) → losses of two models on the same rows."""


def main() -> None:
    """Simulates, prints a row for each question, and writes them as JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--replays", type=int, default=400)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if options.data:
        rows = []
        for name, read in STREAMS.items():
            for row in stream_rows(read(options.data)):
                rows.append({"stream": name, **row})
                print(rows[-1], flush=True)
    else:
        rows = [harm_row(options.streams), *gate_rows(options.replays), *delay_rows(), *input_rows(options.streams)]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def told(question: str, hits: int, n: int) -> dict[str, Any]:
    """One row, also printed."""
    low, high = wilson(hits, n)
    print(f"{question}: {hits / n:.3f} [{low:.3f}, {high:.3f}], n = {n}", flush=True)
    return {"question": question, "share": hits / n, "low": low, "high": high, "n": n}


# --- the monitor ----------------------------------------------------------------------------------------------


def rows_of_day(generator: Generator, rows: int) -> dict[str, NDArray[Any]]:
    """Fourteen columns like those of a census: numbers of several shapes, some missing, and categories."""
    columns: dict[str, NDArray[Any]] = {f"normal {place}": generator.normal(size=rows) for place in range(4)}
    columns |= {f"skewed {place}": generator.lognormal(size=rows) for place in range(2)}
    columns["whole"] = generator.poisson(3, rows).astype(np.float64)
    columns["mostly zero"] = np.where(generator.random(rows) < 0.9, 0.0, generator.lognormal(8, 1, rows))
    columns["missing"] = np.where(generator.random(rows) < 0.1, np.nan, generator.normal(size=rows))
    for place, count in enumerate((2, 5, 7, 15, 40)):
        shares = 1 / np.arange(1, count + 1)
        columns[f"category {place}"] = generator.choice([f"c{k}" for k in range(count)], rows, p=shares / shares.sum())
    return columns


def harm_row(streams: int) -> dict[str, Any]:
    """False alarms of harm in a year in which nothing changes."""
    hits = sum(harmed(np.random.default_rng(seed), 0.15) for seed in range(streams))
    return told(f"harm acts within {DAYS} days though nothing changed", hits, streams)


def input_rows(streams: int) -> list[dict[str, Any]]:
    """False alarms of inputs in a year in which nothing changes, and of its days."""
    acts, raw, warned, spec = 0, 0, 0, MonitorSpec(act_on="inputs")
    for seed in range(streams):
        generator = np.random.default_rng(seed)
        reference = describe_columns(rows_of_day(generator, REFERENCE))
        looks = [look_for_drift("inputs", reference, rows_of_day(generator, ROWS), spec, day) for day in days()]
        acts += any(look.level == "act" for look in looks)
        warned += sum(bool(look.changed) for look in looks)
        raw += any(column.p_value < ALPHA for column in looks[0].columns)
    return [
        told(f"inputs, asked to act, act within {DAYS} days though nothing changed", acts, streams),
        told("a day warns of inputs though nothing changed", warned, streams * DAYS),
        told("the first day has a raw p < 0.05 in some column", raw, streams),
    ]


def days() -> range:
    """The numbers of the looks of a year."""
    return range(1, DAYS + 1)


def harmed(generator: Generator, share: float) -> bool:
    """Whether harm acts within a year of days whose share of mistakes is the reference's; without any tolerance."""
    spec, reference = MonitorSpec(tolerance=0), describe_losses(mistakes(generator, REFERENCE, share))
    state = begin_state("1", reference, spec)
    for day in days():
        state, level = after_day(state, reference, spec, f"{day}", mistakes(generator, ROWS, share))
        if level == "act":
            return True
    return False


def after_day(
    state: MonitorState, reference: LossReference, spec: MonitorSpec, digest: str, losses: Losses
) -> tuple[MonitorState, str]:
    """The state after one more day with all labels, and the level of harm."""
    state = count_losses(add_batch(state, digest, len(losses)), digest, np.arange(len(losses)), losses, reference)
    assert state.harm is not None
    return state, look_for_harm(state.harm, reference, spec).level


def mistakes(generator: Generator, rows: int, share: float) -> Losses:
    """Losses 0 and 1."""
    return (generator.random(rows) < share).astype(np.float64)


def delay_rows(repeats: int = 20) -> list[dict[str, Any]]:
    """Days until harm is proven: the median over repeats."""
    found = []
    for before in (0, DAYS):
        for share in (0.2, 0.25, 0.35):
            delays = [delay(np.random.default_rng(seed), before, share) for seed in range(repeats)]
            row = {"days before": before, "mistakes then": share, "median days": float(np.median(delays)), "n": repeats}
            row |= {"least": min(delays), "most": max(delays)}
            print(row, flush=True)
            found.append(row)
    return found


def delay(generator: Generator, before: int, share: float) -> int:
    """Days until harm acts after so many good days at 0.15; at most a year."""
    spec, reference = MonitorSpec(tolerance=0.01), describe_losses(mistakes(generator, REFERENCE, 0.15))
    state = begin_state("1", reference, spec)
    for day in range(before):
        state, _ = after_day(state, reference, spec, f"before {day}", mistakes(generator, ROWS, 0.15))
    for day in days():
        state, level = after_day(state, reference, spec, f"{day}", mistakes(generator, ROWS, share))
        if level == "act":
            return day
    return DAYS


# --- the gate -------------------------------------------------------------------------------------------------


def paired_mistakes(generator: Generator, rows: int, worse: float) -> tuple[Losses, Losses]:
    """Mistakes of two models that differ on a tenth of the rows."""
    kind = generator.choice(4, rows, p=[0.8, 0.1, 0.05 - worse / 2, 0.05 + worse / 2])
    return np.isin(kind, (1, 2)).astype(np.float64), np.isin(kind, (1, 3)).astype(np.float64)


def paired_log_losses(generator: Generator, rows: int, worse: float) -> tuple[Losses, Losses]:
    """Skewed losses with a mean of 0.3, as of probabilities, correlated by the difficulty of the row."""
    hard = generator.gamma(0.5, 0.6, rows)
    first, second = (hard * generator.lognormal(-0.02, 0.2, rows) for _ in range(2))
    return first, second * (1 + worse / 0.3)


def replay(losses: tuple[Losses, Losses], smaller: bool, k: int) -> tuple[str, int | None]:
    """(verdict, rows announced) of a comparison in which the challenger is half as large, or costs the same."""
    costs = RunningCosts(100_000, 1.0, "host")
    new = RunningCosts(50_000 if smaller else 100_000, 1.0, "host")
    bound = paired_bound(*losses, gate_alpha(ALPHA, k))
    found = Comparison(bound, costs, new, Estimate(1.0, 0.98, 1.02, 5), True)
    decided = judge_challenger(found, MARGIN, Limits(), ALPHA, k)
    return decided.verdict, bound.rows_needed(MARGIN, gate_alpha(ALPHA, k + 1))


def gate_rows(replays: int) -> list[dict[str, Any]]:
    """How often the gate promotes: what it must not, and what it must."""
    draws: Sequence[tuple[str, Draw]] = (("mistakes", paired_mistakes), ("log losses", paired_log_losses))
    found = []
    for name, draw in draws:
        for question, worse, smaller in (
            ("worse by the margin, smaller", MARGIN, True),
            ("equal in all", 0.0, False),
        ):
            for rows in (300, 5000):
                verdicts = [
                    replay(draw(np.random.default_rng(seed), rows, worse), smaller, 1)[0] for seed in range(replays)
                ]
                found.append(told(f"{name}, {rows} rows, {question}: promoted", verdicts.count("promote"), replays))
        for question, worse, smaller in (
            ("better by the margin", -MARGIN, False),
            ("as good and smaller", 0.0, True),
        ):
            hits = sum(is_promoted_when_announced(draw, worse, smaller, seed) for seed in range(replays))
            found.append(told(f"{name}, {question}: promoted at the rows announced", hits, replays))
    return found


def is_promoted_when_announced(draw: Draw, worse: float, smaller: bool, seed: int) -> bool:
    """Whether the second comparison promotes, on as many fresh rows as the first, on 300, announced."""
    generator = np.random.default_rng(10_000 + seed)
    _, needed = replay(draw(generator, 300, worse), smaller, 1)
    assert needed is not None
    return replay(draw(generator, needed, worse), smaller, 2)[0] == "promote"


if __name__ == "__main__":
    main()
