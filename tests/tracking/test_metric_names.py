"""Metric names: a scorecard's numbers and words, worked by hand."""

from __future__ import annotations

import dataclasses

from support import report_data

from tasks.core import (
    Drop,
    Estimate,
    GroupScore,
    Latency,
    LibraryComparison,
    Parity,
    PeerTime,
    Scorecard,
    Size,
)
from tasks.kernels.statistics.metrics import METRICS
from tasks.tracking.metric_names import (
    dotted,
    library_metrics,
    plain_name,
    profile_metrics,
    scorecard_metrics,
    scorecard_tags,
    shorten,
)

CARD = Scorecard(
    candidate="c0ffee", name="int8", split="validation", host="x86-avx2", metric="accuracy",
    score=Estimate(0.91, 0.89, 0.93, 1000),
    drop=Drop(Estimate(0.004, -0.002, 0.01, 1000), 0.005, "within, not proven", 4200),
    latency=Latency(0.6, 0.7, 900, 3, Estimate(1.5, 1.4, 1.6, 3), "faster"),
    throughput=1600.0,
    size=Size(356_000, 90_000, 80_000, 40_000_000, 12.5), size_ratio=3.2,
    parity=(Parity("torch → ONNX", 64, 1e-7, 1.0, "law", True),),
)  # fmt: skip


def test_metrics_are_flat_and_complete() -> None:
    metrics = scorecard_metrics(CARD)
    assert metrics["validation.accuracy"] == 0.91
    assert (metrics["validation.accuracy.low"], metrics["validation.accuracy.n"]) == (0.89, 1000.0)
    assert (metrics["validation.drop"], metrics["validation.drop.needed"]) == (0.004, 4200.0)
    assert (metrics["latency.median_ms"], metrics["latency.ratio.high"]) == (0.6, 1.6)
    assert (metrics["size.bytes"], metrics["size.ratio"]) == (356_000.0, 3.2)
    assert metrics["parity.torch-ONNX.max_difference"] == 1e-7
    assert all(type(value) is float for value in metrics.values())
    assert [plain_name(name) for name in metrics] == list(metrics)


def test_groups_have_metrics_of_their_own() -> None:
    estimate = Estimate(0.9, 0.8, 1.0, 40)
    drop = Drop(Estimate(0.05, 0.01, 0.09, 40), 0.02, "beyond", None)
    few = GroupScore("age", ">30", 3, None, None)
    groups = (GroupScore("sex", "F", 40, estimate, drop), GroupScore("age", "<30", 40, estimate, drop), few)
    new = scorecard_metrics(dataclasses.replace(CARD, groups=groups))
    metrics = {name: value for name, value in new.items() if ".group." in name}
    assert (metrics["validation.group.sex.F.accuracy"], metrics["validation.group.sex.F.n"]) == (0.9, 40.0)
    assert (metrics["validation.group.sex.F.drop"], metrics["validation.group.sex.F.drop.high"]) == (0.05, 0.09)
    assert metrics["validation.group.age.-30.drop"] == 0.05
    assert metrics["validation.group.age.-30 2.n"] == 3.0, "the names are the same without < and >"
    assert [plain_name(name) for name in metrics] == list(metrics)
    assert len(metrics) == 2 * 9 + 1
    assert set(new) - set(scorecard_metrics(CARD)) == set(metrics)


def test_a_count_that_nobody_needs_is_absent() -> None:
    proven = dataclasses.replace(CARD.drop, verdict="proven within", needed=None)
    left = scorecard_metrics(dataclasses.replace(CARD, drop=proven))
    assert scorecard_metrics(CARD).keys() - left.keys() == {"validation.drop.needed"}


def test_tags_carry_interval_count_and_host() -> None:
    tags = scorecard_tags(CARD, METRICS["accuracy"])
    assert tags["paredown.candidate"] == "c0ffee"
    assert tags["paredown.host"] == "x86-avx2"
    assert tags["paredown.score"] == "accuracy 0.91 [0.89, 0.93], 95 %, 1000 examples (higher is better)"
    assert tags["paredown.drop"] == "0.004 [-0.002, 0.01], 95 %, 1000 examples: within, not proven 0.005"
    assert tags["paredown.speedup"] == "1.5 [1.4, 1.6], 95 %, 3 processes: faster"
    busy = dataclasses.replace(CARD, latency=dataclasses.replace(CARD.latency, quiet=False))
    assert scorecard_tags(busy, METRICS["accuracy"])["paredown.speedup"].endswith(
        "3 processes: faster, measured while other work ran"
    )


def test_nested_values_become_dotted_paths() -> None:
    values = {"train": {"epochs": 3, "schedule": "one_cycle"}, "steps": [{"step": "int8"}], "none": None, "empty": {}}
    assert dotted(values) == {
        "train.epochs": "3",
        "train.schedule": "one_cycle",
        "steps": '[{"step": "int8"}]',
        "none": "null",
        "empty": "{}",
    }


def test_names_and_texts_are_brought_within_bounds() -> None:
    assert plain_name("step[0]: a/b.c d-e_f") == "step-0-- a/b.c d-e_f"
    assert (shorten("12345", 5), shorten("123456", 5)) == ("12345", "1234…")


def test_latencies_beside_python_s_have_metrics() -> None:
    peer = PeerTime("pipeline.predict of scikit-learn", 1000, 12.0, 120, Estimate(3.9, 3.6, 4.1, 3))
    metrics = library_metrics(LibraryComparison("host", (peer,)))
    name = "python.pipeline.predict of scikit-learn.1000"
    assert metrics[f"{name}.median_ms"] == 12.0
    assert (metrics[f"{name}.ratio"], metrics[f"{name}.ratio.low"], metrics[f"{name}.ratio.n"]) == (3.9, 3.6, 3.0)
    assert [plain_name(each) for each in metrics] == list(metrics)


def test_batches_and_first_runs_have_metrics() -> None:
    metrics = profile_metrics(report_data.run_profile())
    assert (metrics["batch.8.ratio"], metrics["batch.8.ms"], metrics["batch.8.baseline_ms"]) == (3.2, 5.0, 16.0)
    assert (metrics["first_run.baseline.load_ms"], metrics["first_run.product.memory_mb"]) == (12.0, 7.0)
    assert [plain_name(each) for each in metrics] == list(metrics)
