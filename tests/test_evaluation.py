"""Evaluation: scorecards of real files against a baseline, and the statistics' verdicts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import small_products
from onnx import numpy_helper

from tasks import evaluation
from tasks.artifacts import Drop, Estimate, Goal, InputError, Parity, Refusal, Runtime, canonical_json
from tasks.evaluation import Product
from tasks.kernels import host, measures, runtime

BASE, OTHER = "a" * 64, "b" * 64
PARITY = Parity("torch → ONNX", 256, 1e-7, 1.0, "at most 1e-3", True)
IMAGES = small_products.images(200)


def disturbed(data: bytes, name: str, amount: float) -> bytes:
    """The file with noise on one of its weights."""
    model = onnx.load_from_string(data)
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    values = numpy_helper.to_array(tensor)
    noise = np.random.default_rng(0).normal(scale=amount, size=values.shape)
    tensor.CopyFrom(numpy_helper.from_array((values + noise).astype(np.float32), name))
    return bytes(model.SerializeToString())


def products(folder: Path, base: bytes, other: bytes) -> dict[str, Product]:
    (folder / "base.onnx").write_bytes(base)
    (folder / "other.onnx").write_bytes(other)
    return {
        BASE: Product(BASE, "baseline", folder / "base.onnx", ()),
        OTHER: Product(OTHER, "int8", folder / "other.onnx", (PARITY,)),
    }


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "SECONDS", 0.05)


def test_scorecards_of_two_files(tmp_path: Path) -> None:
    base = small_products.image_file()
    given = products(tmp_path, base, disturbed(base, "linear.weight", 0.02))
    outputs = {digest: runtime.predict(product.path, IMAGES) for digest, product in given.items()}
    targets = outputs[BASE].argmax(axis=1)
    targets[:20] = (targets[:20] + 1) % 4  # the baseline is wrong on these
    heard: list[tuple[float, str]] = []
    cards = evaluation.evaluate(
        given, BASE, IMAGES, targets, Goal(max_drop=0.05), Runtime(batch=3), "validation",
        on_progress=lambda share, what: heard.append((share, what)),
    )  # fmt: skip
    own, other = cards[BASE], cards[OTHER]
    assert own.score.value == 0.9
    assert own.drop == Drop(Estimate(0.0, 0.0, 0.0, 200), 0.05, "proven within", None)
    assert (own.latency.ratio.value, own.latency.verdict) == (1.0, "no measurable change")
    assert (own.size_ratio, other.size_ratio) == (1.0, own.size.bytes / other.size.bytes)
    assert other.score.value == measures.measure("accuracy", outputs[OTHER], targets)
    assert other.drop.estimate.value == pytest.approx(own.score.value - other.score.value)
    assert other.drop.estimate.low <= other.drop.estimate.value <= other.drop.estimate.high
    assert other.latency.n > 0
    assert other.latency.processes == other.latency.ratio.n == 3
    assert other.throughput == pytest.approx(3000 / other.latency.median_ms)
    assert other.size.macs == 64 * (216 + 576) + 32
    assert (other.name, other.split, other.parity) == ("int8", "validation", (PARITY,))
    assert other.host == host.host_name()
    shares = [share for share, _ in heard]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    canonical_json(dataclasses.asdict(other))

    again = evaluation.evaluate(
        given, BASE, IMAGES, targets, Goal(max_drop=0.05), Runtime(batch=3), "test",
        timing={digest: card.latency for digest, card in cards.items()},
    )  # fmt: skip
    assert again[OTHER].latency is other.latency
    assert dataclasses.replace(again[OTHER], split="validation", size=other.size) == other


def logits_of(answers: np.ndarray) -> np.ndarray:
    return np.eye(2)[answers] * 4


def test_drop_of_accuracy_by_hand() -> None:
    """Of 400, the second loses 3 that the first has and gains 1: a drop of half a point."""
    targets = np.zeros(400, dtype=np.int64)
    first, second = targets.copy(), targets.copy()
    first[:10] = 1
    second[1:13] = 1  # right on example 0; wrong on 10, 11, 12
    scored = evaluation.score({BASE: logits_of(first), OTHER: logits_of(second)}, BASE, targets, Goal(max_drop=0.02))
    estimate, drop = scored[OTHER]
    assert estimate.value == pytest.approx(0.97)
    assert drop.estimate.value == pytest.approx(0.005)
    assert drop.verdict == "within, not proven" if drop.estimate.high > 0.02 else "proven within"
    strict = evaluation.score({BASE: logits_of(first), OTHER: logits_of(second)}, BASE, targets, Goal(max_drop=0.004))
    assert (strict[OTHER][1].verdict, strict[OTHER][1].needed) == ("beyond", None)


def test_270_equal_answers_do_not_prove_one_point() -> None:
    targets = np.zeros(270, dtype=np.int64)
    outputs = {BASE: logits_of(targets), OTHER: logits_of(targets)}
    drop = evaluation.score(outputs, BASE, targets, Goal(max_drop=0.01))[OTHER][1]
    assert (drop.estimate.value, drop.verdict, drop.needed) == (0.0, "within, not proven", 381)


@pytest.mark.parametrize(("metric", "worse"), [("mae", 0.3), ("rmse", 0.3), ("log_loss", None), ("roc_auc", None)])
def test_positive_is_worse_whatever_the_metric(metric: str, worse: float | None) -> None:
    generator = np.random.default_rng(0)
    if metric in ("mae", "rmse"):
        targets = generator.normal(size=300)
        good, bad = targets[:, None] + 0.1, targets[:, None] + 0.4
    else:
        targets = generator.integers(0, 2, 300)
        good = logits_of(targets) + generator.normal(size=(300, 2))
        bad = good + 3 * generator.normal(size=(300, 2))
    goal = Goal.model_validate({"metric": metric, "max_drop": 0.001})
    scored = evaluation.score({BASE: good, OTHER: bad}, BASE, targets, goal)
    estimate, drop = scored[OTHER]
    assert drop.estimate.value > 0
    assert drop.verdict == "beyond"
    assert estimate.low <= estimate.value <= estimate.high
    assert abs(drop.estimate.value) == pytest.approx(abs(estimate.value - scored[BASE][0].value))
    if worse is not None:
        assert (drop.estimate.low, drop.estimate.high) == pytest.approx((worse, worse))
    turned = evaluation.score({BASE: bad, OTHER: good}, BASE, targets, goal)[OTHER][1]
    assert turned.verdict == "proven within"


def test_judge_has_three_verdicts() -> None:
    assert evaluation.judge(Estimate(0.002, -0.01, 0.009, 9), 0.01, 5) == Drop(
        Estimate(0.002, -0.01, 0.009, 9), 0.01, "proven within", None
    )
    assert evaluation.judge(Estimate(0.002, -0.01, 0.02, 9), 0.01, 5).needed == 5
    assert evaluation.judge(Estimate(0.02, 0.01, 0.03, 9), 0.01, 5).verdict == "beyond"


def test_roc_auc_needs_every_class() -> None:
    outputs = {BASE: logits_of(np.zeros(20, dtype=np.int64))}
    with pytest.raises(InputError, match="a class is missing"):
        evaluation.score(outputs, BASE, np.zeros(20, dtype=np.int64), Goal(metric="roc_auc"))


def test_outputs_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    broken = disturbed(small_products.table_file(), "first", float("inf"))
    given = products(tmp_path, small_products.table_file(), broken)
    with pytest.raises(Refusal, match="int8: some outputs are not finite"):
        evaluation.run(given[OTHER], small_products.rows(9), Runtime())


def test_an_absent_provider_is_the_users_to_change() -> None:
    if runtime.available("cuda"):
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(InputError, match=r"runtime\.provider"):
        evaluation.check_provider(Runtime(provider="cuda"))


def test_a_short_split_fills_a_batch() -> None:
    assert evaluation.first_batch({"x": np.arange(3)}, 7)["x"].tolist() == [0, 1, 2, 0, 1, 2, 0]
