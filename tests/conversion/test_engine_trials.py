"""Engine trials: a file in a second engine is another file with a record; what is worth its measurement."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import product_files, tree_models

from tasks.conversion.engine_trials import (
    EngineTrial,
    keep_record,
    record_in,
    with_runtime,
    worth_measuring,
)
from tasks.core import Candidate, Refusal, Runtime, Step, Store
from tasks.evaluation.parity import parity_of
from tasks.kernels.engines.runtime_record import RuntimeRecord, installed_version, read_runtime

needs_openvino = pytest.mark.skipif(installed_version("openvino") is None, reason="OpenVINO is not installed")
RECORD = RuntimeRecord("openvino", "2026.4.1", "f32", 1, 1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def candidate(data: bytes, store: Store) -> Candidate:
    return Candidate("int8", "onnx", "", {}, (Step("bring", 1, {}, None, None, None),), store.put(data))


def trial(precision: str, ratio: float | None) -> EngineTrial:
    return EngineTrial("a", f"OpenVINO {precision}", precision, None, ratio)


@needs_openvino
def test_a_file_gets_a_record_and_the_parity_of_its_answers(store: Store) -> None:
    plain = candidate(product_files.image_file(), store)
    made = with_runtime(plain, RECORD, product_files.images(300), store)
    assert (made.name, made.form) == ("int8 in OpenVINO f32", "onnx")
    assert made.lineage[-1].parent == plain.digest
    assert record_in(made) == RECORD == read_runtime(store.path(made.content))
    assert record_in(plain) is None
    [hop] = parity_of(made, store)
    assert (hop.hop, hop.n, hop.agreement, hop.passed) == ("ONNX Runtime → OpenVINO f32", 256, 1.0, True)


@needs_openvino
def test_a_file_that_the_engine_cannot_run_is_refused(store: Store) -> None:
    [(inputs, _)] = tree_models.tree_batches("forest")[:1]
    with pytest.raises(Refusal, match=r"^OpenVINO cannot run it: it has no rule for ai\.onnx\.ml\.LabelEncoder, "):
        with_runtime(candidate(tree_models.tree_file("forest"), store), RECORD, inputs, store)


def test_a_product_of_the_first_engine_says_so_too(store: Store) -> None:
    content = store.put(product_files.image_file())
    kept = keep_record(content, Runtime(threads=2), store)
    record = read_runtime(store.path(kept))
    assert (record.engine, record.version, record.threads) == ("onnxruntime", installed_version("onnxruntime"), 2)
    assert keep_record(kept, Runtime(threads=2), store) == kept
    assert kept != content


@pytest.mark.parametrize(
    ("ratios", "measured"),
    [
        ({"f32": 0.9, "bf16": 1.8}, ["bf16"]),
        ({"f32": 1.2, "bf16": 1.8}, ["f32", "bf16"]),
        ({"f32": 1.2, "bf16": 1.21}, ["f32"]),
        ({"f32": 0.9, "bf16": 0.97}, []),
        ({"bf16": 1.1}, ["bf16"]),
        ({"f32": None, "bf16": None}, []),
    ],
)
def test_what_is_worth_its_measurement(ratios: dict[str, float | None], measured: list[str]) -> None:
    found = worth_measuring([trial(name, ratio) for name, ratio in ratios.items()])
    assert [each.precision for each in found] == measured
