"""A run as the report tells it: made-up but plausible figures, built from a few numbers a model."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from tasks.core import (
    Drop,
    Estimate,
    Goal,
    GroupScore,
    Latency,
    LibraryComparison,
    Parity,
    PeerTime,
    RunProfile,
    Runtime,
    Scorecard,
    Size,
)
from tasks.core.goal import Limits
from tasks.core.scorecard import BatchTime, FirstTime
from tasks.kernels.statistics.metrics import METRICS
from tasks.report.report_data import BranchSearchReport, CandidateRow, MeasuredStage, ReportData, Tradeoff, TrialRow

HOST = "xeon-8375c avx512-vnni 2 cores ort 1.31"
ANSWER = (
    "“narrow” runs 3.5 times as fast as the baseline in a file 12 times smaller, and loses 0.0049 accuracy on test."
)
FOUND = (
    "24 trials: 11 finished, 6 stopped early, 6 given up, 1 failed. The best that was found, found 12, meets the goal: "
    "3.82× as fast, 8.72× smaller; the best of the recipe's own, narrow: 3.51× as fast, 12.09× smaller."
)
LAW = "max difference at most 1e-4 and the same class for every example"
RECIPE = """name: cifar10-resnet20
data:
  source: train.parquet
  test: test.parquet
  target: label
  split: {validation: 0.1, seed: 0}
model: {factory: "tasks.architectures:resnet20", weights: resnet20.th}
compress:
  branches:
    - {name: int8, steps: [{step: int8}]}
    - {name: narrow, steps: [{step: channels, sparsity: 0.5}, {step: recover, epochs: 12}, {step: int8}]}
goal: {metric: accuracy, max_drop: 0.01, minimize: latency}
"""


def card(
    name: str,
    score: float,
    drop: float,
    ms: float,
    size: int,
    *,
    n: int = 5000,
    base: tuple[float, int] = (2.84, 1_102_336),
    margin: float = 0.01,
    spread: float = 0.0042,
    metric: str = "accuracy",
    split: Any = "validation",
    quantized: bool = False,
) -> Scorecard:
    """A scorecard around a few figures; `spread` is half the interval of the paired drop."""
    within = "proven within" if drop + spread <= margin else "within, not proven"
    verdict: Any = within if drop <= margin else "beyond"
    more = (spread / max(margin - drop, spread / 6)) ** 2
    needed = round(n * more) if verdict == "within, not proven" else None
    ratio = base[0] / ms
    pace: Any = "faster" if ratio > 1.04 else "slower" if ratio < 0.96 else "no measurable change"
    half = 1.96 * math.sqrt(score * (1 - score) / n) if metric == "accuracy" else 2.1 * spread
    wide = 1.0 if spread else 0.0
    speed = Estimate(ratio, ratio * (1 - 0.04 * wide), ratio * (1 + 0.05 * wide), 3)
    latency = Latency(ms, ms * 1.16, 1800, 3, speed, pace)
    hops = [
        Parity("framework → ONNX", 256, 3.1e-6, 1.0, LAW, True),
        Parity("ONNX → fused", 256, 1.2e-6, 1.0, LAW, True),
    ]
    if quantized:
        hops.append(Parity("fused → int8", 256, 0.41, 0.9883, "at least 98 % of the same classes", True))
    macs = round(40_800_000 * (ms / base[0]) ** (0.6 if quantized else 1))
    return Scorecard(
        candidate=name.ljust(64, "0"),
        name=name,
        split=split,
        host=HOST,
        metric=metric,
        score=Estimate(score, score - half, score + half, n),
        drop=Drop(Estimate(drop, drop - spread, drop + spread, n), margin, verdict, needed),
        latency=latency,
        throughput=1000 / ms,
        size=Size(size, size // 4, size // 4, macs, 14.2 + size / 1e5),
        size_ratio=base[1] / size,
        parity=tuple(hops),
    )


def epochs(count: int, start: float, end: float, score: float) -> tuple[dict[str, Any], ...]:
    """A learning curve that falls from one loss to another."""
    found = []
    for number in range(1, count + 1):
        left = math.exp(-3.2 * number / count)
        wobble = 0.03 * math.sin(number * 2.3) * left
        found.append(
            {
                "number": number,
                "train_loss": end * 0.7 + (start - end) * left,
                "validation_loss": end + (start - end) * 0.9 * left + wobble + 0.05 * (number / count) ** 4,
                "validation_score": score - 0.14 * left - wobble - 0.004 * (number / count) ** 6,
                "learning_rate": 0.1 * (1 - number / (count + 1)),
                "seconds": 21.4,
            }
        )
    return tuple(found)


def step(label: str, technique: str, minutes: float, summary: str = "", **knobs: Any) -> dict[str, Any]:
    """One thing that was done."""
    return {"label": label, "technique": technique, "knobs": knobs, "summary": summary, "minutes": minutes}


def entry(name: str, measured: Scorecard | None, reason: str, **fields: Any) -> CandidateRow:
    """A candidate without history, unless `fields` say more."""
    plain: dict[str, Any] = {"role": "candidate", "chosen": False, "stages": (), "curves": {}, "steps": ()}
    return CandidateRow(name=name, card=measured, reason=reason, **(plain | fields))


BASELINE = card("baseline", 0.9242, 0.0, 2.84, 1_102_336, spread=0.0)
NARROW = card("narrow", 0.9186, 0.0056, 0.81, 91_204, quantized=True, spread=0.0051)


def narrow() -> CandidateRow:
    """The chosen candidate with all that a candidate can have."""
    stages = (
        MeasuredStage("baseline", BASELINE),
        MeasuredStage("channels 50 %", card("narrow 1", 0.8611, 0.0631, 1.31, 318_400)),
        MeasuredStage("recover 12 epochs", card("narrow 2", 0.9199, 0.0043, 1.32, 318_400)),
        MeasuredStage("int8", NARROW),
    )
    cut = "Removes 248 of 496 channels in 9 groups; widths stay multiples of 16."
    steps = (
        step("channels 50 %", "channels", 0.4, cut, sparsity=0.5),
        step(
            "recover 12 epochs",
            "recover",
            4.3,
            "Trains against the baseline as teacher.",
            epochs=12,
            temperature=4.0,
        ),
        step("int8", "int8", 0.2, "QDQ, per-channel weights; 512 calibration examples.", per_channel=True),
    )
    curves = {"recover 12 epochs": epochs(12, 0.9, 0.28, 0.925)}
    reason = "Lowest latency among the candidates within the margin: 3.51× the baseline's speed."
    return entry("narrow", NARROW, reason, chosen=True, stages=stages, steps=steps, curves=curves)


def entries() -> tuple[CandidateRow, ...]:
    """A baseline, five candidates of which one was refused, and a dense control."""
    int8 = card("int8", 0.9228, 0.0014, 1.46, 296_512, quantized=True, spread=0.0024)
    shallow = card("shallow", 0.9204, 0.0038, 1.12, 201_332, quantized=True, spread=0.0048)
    sparse = card("sparse <80 %>", 0.9175, 0.0067, 2.86, 1_102_336, spread=0.0046)
    tiny = card("student", 0.9023, 0.0219, 0.52, 61_880, quantized=True, spread=0.006)
    dense = card("dense + 12 epochs", 0.9258, -0.0016, 2.85, 1_102_336, spread=0.0031)
    stages = (MeasuredStage("baseline", BASELINE), MeasuredStage("int8", int8))
    shallow_stages = (
        MeasuredStage("baseline", BASELINE),
        MeasuredStage("blocks, speed-up 1.5×", card("shallow 1", 0.8902, 0.034, 1.86, 780_210)),
        MeasuredStage("recover 3 epochs", card("shallow 2", 0.9219, 0.0023, 1.86, 780_210)),
        MeasuredStage("int8", shallow),
    )
    return (
        entry(
            "baseline",
            BASELINE,
            "What everything is held against.",
            role="baseline",
            curves={"train": epochs(30, 2.1, 0.3, 0.93)},
        ),
        narrow(),
        entry(
            "int8",
            int8,
            "Within the margin, proven, but slower than narrow.",
            stages=stages,
            steps=(step("int8", "int8", 0.2),),
        ),
        entry("shallow", shallow, "Within the margin, but slower than narrow.", stages=shallow_stages),
        entry("sparse <80 %>", sparse, "No measurable change of latency: zeros cost as much as numbers here."),
        entry("student", tiny, "Drop of 0.0219 is beyond the margin of 0.01."),
        entry("dense + 12 epochs", dense, "A control: the same extra training, nothing removed.", role="control"),
        entry("low rank", None, "Refused: layer conv1 has 3 input channels, so no rank below 3 saves work."),
    )


def trials(count: int = 16) -> tuple[dict[str, Any], ...]:
    """A search over a rate, a choice and a batch size, with stopped and failed trials."""
    found = []
    for number in range(count):
        rate = 10 ** (-3 + 3 * ((number * 0.618) % 1))
        point = {
            "train.learning_rate": rate,
            "train.optimizer": ("sgd", "adam")[number % 2],
            "train.batch": 32 << number % 4,
        }
        score = 0.93 - 0.04 * (math.log10(rate) + 1.2) ** 2 - 0.012 * (number % 2)
        state = "failed" if number == 5 else "stopped early" if score < 0.86 else "finished"
        done = {"finished": 30, "stopped early": 8, "failed": 2}[state]
        known = None if state == "failed" else score
        found.append(
            {
                "number": number,
                "point": point,
                "is_stage": False,
                "score": known,
                "cost": None,
                "epochs": done,
                "state": state,
                "seconds": done * 21.4,
                "reason": "RuntimeError: the loss is <not> finite" if state == "failed" else "",
            }
        )
    return tuple(found)


def tried(count: int = 24) -> tuple[TrialRow, ...]:
    """Two branches of the recipe and trials of a search: finished, stopped early, given up, and failed."""

    def measured(drop: float, times: float, size: int) -> tuple[float, float, int, float, float]:
        rank = 1 - 1 / times if drop <= 0.01 else (0.01 - drop) / BASELINE.score.value
        return drop, times, size, BASELINE.size.bytes / size, rank

    narrow, int8 = measured(0.0056, 3.51, 91_204), measured(0.0014, 1.95, 296_512)
    found = [
        TrialRow("narrow", "channels sparsity 0.5 → recover epochs 12 → int8", "own", *narrow, None, None, ""),
        TrialRow("int8", "int8", "own", *int8, None, None, ""),
    ]
    for number in range(count):
        share = 0.1 + 0.6 * (number * 0.618 % 1)
        drop = 0.03 * share**2 + 0.004 * math.sin(number)
        branch = f"blocks share {share:.4g} → recover epochs 2 → int8"
        end: tuple[Any, ...]
        end = ("finished", *measured(drop, 1.5 + 4 * share, round(300_000 * (1 - share))), 2, 61.5, "")
        if number % 4 == 1:
            end = ("stopped early", drop, None, None, None, -abs(drop), 1, 20.5, "")
        if number % 4 == 2:
            end = ("given up", *[None] * 5, 0, 4.2, "given up before its recovery: 1.02× as fast, 291,204 bytes")
        if number == 7:
            end = ("failed", *[None] * 5, 0, 1.0, "RuntimeError: <no> memory")
        found.append(TrialRow(f"found {number + 1}", branch, *end, best=number == 11))
    return tuple(found)


def sample() -> ReportData:
    """The whole report: a goal met by estimate, confirmed on test."""
    test = (
        card("baseline", 0.9217, 0.0, 2.83, 1_102_336, n=10_000, spread=0.0, split="test"),
        card("narrow", 0.9168, 0.0049, 0.81, 91_204, n=10_000, spread=0.0036, split="test", quantized=True),
    )
    return ReportData(
        name="cifar10-resnet20",
        answer=ANSWER,
        created="2025-06-12 14:05",
        duration_s=2841,
        recipe=RECIPE,
        host={
            "processor": "Intel Xeon Platinum 8375C",
            "instructions": "avx2, avx512f, avx512_vnni",
            "cores": "2",
            "runtime": "ONNX Runtime 1.31.0",
        },
        data={
            "source": "train.parquet",
            "examples": "45 000 train, 5 000 validation, 10 000 test",
            "classes": "10",
            "fingerprint": "9f2c41d07a",
        },
        goal=Goal(metric="accuracy", max_drop=0.01, limits=Limits(bytes=400_000)),
        runtime=Runtime(),
        entries=entries(),
        test=test,
        trials=trials(),
        branch_search=BranchSearchReport(FOUND, tried()),
        metric=METRICS["accuracy"],
        links={
            "MLflow run": "http://127.0.0.1:5000/#/experiments/1",
            "product": "products/cifar10-resnet20/model.onnx",
        },
        notes=("int8 was measured in two variants on this host; the one without saturation was kept.",),
    )


def grouped() -> ReportData:
    """A run with groups: F may be hurt, M is not, and three examples have no value."""
    report = sample()
    before, after = report.test
    test = with_groups(before, 0.0), with_groups(after, 0.03)
    rows = tuple(
        dataclasses.replace(row, card=with_groups(row.card, 0.0 if row.role == "baseline" else 0.02))
        for row in report.entries
        if row.card
    )
    return dataclasses.replace(report, entries=rows, test=test)


def with_groups(card: Scorecard, drop: float) -> Scorecard:
    """The card with a score of each group; F loses `drop`."""
    found = []
    for value, n, lost in (("<F>", 412, drop), ("M", 9585, 0.0)):
        estimate = Estimate(lost, lost - 0.02, lost + 0.02, n)
        verdict: Any = "beyond" if lost > 0.01 else "within, not proven"
        score = Estimate(0.91 - lost, 0.88 - lost, 0.94 - lost, n)
        found.append(GroupScore("sex", value, n, score, Drop(estimate, 0.01, verdict, None)))
    return dataclasses.replace(card, groups=(*found, GroupScore("sex", "missing", 3, None, None)))


def tradeoff() -> ReportData:
    """A search with two objectives."""
    rows = tuple(row | {"cost": 0.02 * (row["point"]["train.batch"] / 32) + 0.001 * row["number"]} for row in trials())
    return dataclasses.replace(
        sample(), trials=rows, tradeoff=Tradeoff("latency_ms", 4, (0, 4, 6, 14), "Trial 4 is taken, <as> told.")
    )


def unmet() -> ReportData:
    """No candidate meets the goal, so the baseline is the product."""
    report = sample()
    changed = tuple(dataclasses.replace(row, chosen=row.role == "baseline") for row in report.entries)
    answer = "No candidate stays within 0.001 of accuracy; the product is the baseline."
    goal = Goal(metric="accuracy", max_drop=0.001)
    return dataclasses.replace(report, answer=answer, goal=goal, entries=changed, test=report.test[:1])


def bare() -> ReportData:
    """One candidate and nothing else: no history, no search, no test."""
    report = sample()
    rows = (entry("int8", dataclasses.replace(NARROW, parity=()), "The only one.", chosen=True),)
    return dataclasses.replace(
        report, entries=rows, test=(), trials=(), branch_search=None, links={}, notes=(), host={}, data={}
    )


def regression() -> ReportData:
    """House prices: a metric that is better when lower, and a goal of bytes."""
    options: Any = {"margin": 500.0, "spread": 180.0, "metric": "mae", "n": 2000, "base": (0.21, 402_118)}
    rows = (
        entry(
            "baseline",
            card("baseline", 31250.0, 0.0, 0.21, 402_118, **(options | {"spread": 0.0})),
            "The reference.",
            role="baseline",
        ),
        entry(
            "half",
            card("half", 31480.0, 230.0, 0.12, 201_900, **options),
            "Smallest within the margin.",
            chosen=True,
        ),
        entry("tiny", card("tiny", 33120.0, 1870.0, 0.06, 40_100, **options), "Beyond the margin."),
    )
    goal = Goal(metric="mae", max_drop=500.0, minimize="bytes")
    answer = "“half” is half as large and misses house prices by 230 more on average."
    return dataclasses.replace(
        sample(), goal=goal, metric=METRICS["mae"], entries=rows, test=(), trials=(), answer=answer
    )


def crowded() -> ReportData:
    """Fifteen candidates, some close together, one far beyond."""
    base = entry("baseline", BASELINE, "The reference.", role="baseline")
    rows = [base]
    for index in range(15):
        drop = 0.001 + 0.0011 * index + 0.002 * math.sin(index * 1.7)
        ms = 2.4 * 0.91**index * (1 + 0.08 * math.sin(index * 2.9))
        name = f"{('channels', 'blocks', 'low rank')[index % 3]} {10 + 5 * index} % int8"
        measured = card(name, 0.9242 - drop, drop, ms, round(300_000 * 0.9**index), quantized=True)
        rows.append(entry(name, measured, "Another is faster.", chosen=index == 6))
    broken = card("weights 99 %", 0.312, 0.6122, 2.1, 700_000)
    rows.append(entry("weights 99 %", broken, "Beyond the margin."))
    return dataclasses.replace(sample(), entries=tuple(rows))


def in_python() -> LibraryComparison:
    """One row and a thousand, in ONNX Runtime and in scikit-learn."""
    product, peer = "the product in ONNX Runtime", "pipeline.predict of <scikit-learn>"
    same = Estimate(1.0, 1.0, 1.0, 3)
    return LibraryComparison(
        HOST,
        (
            PeerTime(product, 1, 0.0251, 9000, same),
            PeerTime(peer, 1, 6.01, 210, Estimate(240.0, 231.0, 249.0, 3)),
            PeerTime(product, 1000, 3.1, 120, same),
            PeerTime(peer, 1000, 12.0, 120, Estimate(3.87, 3.6, 4.1, 3)),
        ),
    )


def run_profile() -> RunProfile:
    """Three batches of baseline and product, and their first runs."""

    def estimate(value: float) -> Estimate:
        return Estimate(value, value * 0.9, value * 1.1, 3)

    return RunProfile(
        HOST,
        (
            BatchTime(1, 2.84, 0.81, estimate(3.5)),
            BatchTime(8, 16.0, 5.0, estimate(3.2)),
            BatchTime(32, 62.0, 20.0, estimate(3.1)),
        ),
        (
            FirstTime("baseline", estimate(12.0), estimate(4.0), estimate(18.0)),
            FirstTime("narrow <b>", estimate(9.0), estimate(1.4), estimate(7.0)),
        ),
    )
