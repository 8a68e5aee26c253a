"""Evaluation: scorecards of real files against a baseline."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from support import product_files, timing_noise

from tasks.core import (
    Drop,
    Estimate,
    Goal,
    InputError,
    Latency,
    MetricSpec,
    Parity,
    Refusal,
    Runtime,
    Update,
    canonical_json,
)
from tasks.evaluation import engines, evaluate, latencies
from tasks.evaluation.evaluate import EvaluationData, EvaluationSpec, Product
from tasks.kernels.onnx import sessions
from tasks.kernels.statistics import metrics

BASE, OTHER = "a" * 64, "b" * 64
PARITY = Parity("torch → ONNX", 256, 1e-7, 1.0, "at most 1e-3", True)
IMAGES = product_files.images(200)


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
    monkeypatch.setattr(latencies, "SECONDS", 0.05)


def test_scorecards_of_two_files(tmp_path: Path) -> None:
    base = product_files.image_file()
    given = products(tmp_path, base, disturbed(base, "linear.weight", 0.02))
    outputs = {digest: sessions.predict(product.path, IMAGES) for digest, product in given.items()}
    targets = outputs[BASE].argmax(axis=1)
    targets[:20] = (targets[:20] + 1) % 4  # the baseline is wrong on these
    heard: list[Update] = []
    examples = EvaluationData(IMAGES, targets)
    spec = EvaluationSpec(Goal(max_drop=0.05), Runtime(batch=3), "validation", MetricSpec())
    cards = evaluate.evaluate(given, BASE, examples, spec, progress=heard.append)
    own, other = cards[BASE], cards[OTHER]
    assert own.score.value == 0.9
    assert own.drop == Drop(Estimate(0.0, 0.0, 0.0, 200), 0.05, "proven within", None)
    assert (own.latency.ratio.value, own.latency.verdict) == (1.0, "no measurable change")
    assert (own.size_ratio, other.size_ratio) == (1.0, own.size.bytes / other.size.bytes)
    assert other.score.value == metrics.METRICS["accuracy"].value(outputs[OTHER], targets)
    assert other.drop.estimate.value == pytest.approx(own.score.value - other.score.value)
    assert other.drop.estimate.low <= other.drop.estimate.value <= other.drop.estimate.high
    assert other.latency.n > 0
    assert other.latency.processes == other.latency.ratio.n == 3
    assert other.throughput == pytest.approx(3000 / other.latency.median_ms)
    assert other.size.macs == 64 * (216 + 576) + 32
    assert (other.name, other.split, other.parity[0]) == ("int8", "validation", PARITY)
    assert [(hop.hop, hop.n, hop.passed) for hop in other.parity[1:]] == [("batch of 32 → 3", 32, True)]
    assert other.parity[1].max_difference < 1e-5
    assert other.host == engines.host_of(spec.runtime)
    shares = [update.done / update.total for update in heard]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    canonical_json(dataclasses.asdict(other))

    timing = {digest: card.latency for digest, card in cards.items()}
    again = evaluate.evaluate(given, BASE, examples, dataclasses.replace(spec, split="test"), timing=timing)
    assert again[OTHER].latency is other.latency
    assert dataclasses.replace(again[OTHER], split="validation", size=other.size) == other


def test_a_timing_ends_when_nothing_can_be_chosen(tmp_path: Path) -> None:
    """The only contender always answers wrongly: it is timed in three processes of at most nine."""
    base = product_files.image_file()
    given = products(tmp_path, base, disturbed(base, "linear.weight", 100.0))
    outputs = sessions.predict(given[OTHER].path, IMAGES)
    examples = EvaluationData(IMAGES, (outputs.argmax(axis=1) + 1) % 4)
    runtime = Runtime(engine=("onnxruntime",), processes=9)
    spec = EvaluationSpec(Goal(), runtime, "validation", MetricSpec(), contenders=(OTHER,))
    heard: list[Update] = []
    cards = evaluate.evaluate(given, BASE, examples, spec, progress=heard.append)
    assert [card.latency.processes for card in cards.values()] == [3, 3]
    assert "timed in process 3 of at most 9" in [update.note for update in heard]


def test_times_that_were_taken_beside_other_work_say_so(tmp_path: Path) -> None:
    given = products(tmp_path, product_files.table_file(), product_files.table_file())

    def measure() -> Latency:
        files = {digest: product.path for digest, product in given.items()}
        return latencies.measure_latency(files, BASE, product_files.rows(3), Runtime(processes=3))[OTHER]

    with timing_noise.own_node(tmp_path):
        assert measure().quiet
        with timing_noise.other_work():
            found = measure()
    assert not found.quiet
    assert found.words == f"{found.verdict}, measured while other work ran"


def test_outputs_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    broken = disturbed(product_files.table_file(), "first", float("inf"))
    given = products(tmp_path, product_files.table_file(), broken)
    with pytest.raises(Refusal, match="int8: some outputs are not finite"):
        evaluate.run_product(given[OTHER], product_files.rows(9), Runtime())


def scaled_by_the_batch() -> bytes:
    """A file that divides its inputs by the largest among them, as the scale of dynamic quantization does."""
    rows = helper.make_tensor_value_info("age", onnx.TensorProto.FLOAT, ["batch", 1])
    given = helper.make_tensor_value_info("share", onnx.TensorProto.FLOAT, ["batch", 1])
    largest = helper.make_node("ReduceMax", ["age"], ["largest"], keepdims=0)
    graph = helper.make_graph([largest, helper.make_node("Div", ["age", "largest"], ["share"])], "g", [rows], [given])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def test_a_file_whose_answers_hang_on_the_batch_is_scored_in_the_recipes(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(scaled_by_the_batch())
    product = Product(BASE, "a", tmp_path / "a.onnx", ())
    ages = {"age": np.arange(1, 301, dtype=np.float32)[:, None]}
    alone, hop = evaluate.run_product(product, ages, Runtime(batch=1))
    assert alone.tolist() == [[1.0]] * 300
    assert (hop.hop, hop.max_difference) == ("batch of 32 → 1", pytest.approx(31 / 32))
    assert hop.law == "largest difference at most 0.001 of the largest output, or scored in batches of 1"
    pairs, _ = evaluate.run_product(product, ages, Runtime(batch=2))
    assert pairs[:4].ravel().tolist() == [0.5, 1.0, 0.75, 1.0]


def test_an_absent_provider_is_the_users_to_change() -> None:
    if sessions.available("cuda"):
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(InputError, match=r"runtime\.provider"):
        engines.check_runtime(Runtime(provider="cuda"))


def test_a_short_split_fills_a_batch() -> None:
    assert latencies.first_batch({"x": np.arange(3)}, 7)["x"].tolist() == [0, 1, 2, 0, 1, 2, 0]
