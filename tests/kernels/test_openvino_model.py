"""OpenVINO model: the same answers as ONNX Runtime through the same methods, fixed batches, refusals, no telemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import product_files, tree_models
from support.source_tree import ROOT

from tasks.kernels.engines.openvino_model import CompiledFile, UnsupportedModelError, compile_file, short_reason
from tasks.kernels.engines.product_session import open_product, predict_product
from tasks.kernels.engines.runtime_record import RuntimeRecord, installed_version, native_precisions, with_record
from tasks.kernels.onnx import sessions

pytestmark = pytest.mark.skipif(installed_version("openvino") is None, reason="OpenVINO is not installed")
EXACT = RuntimeRecord("openvino", "", "f32")
QUIET = """
from pathlib import Path
from support import product_files
from tasks.kernels.engines.openvino_model import compile_file
from tasks.kernels.engines.runtime_record import RuntimeRecord
compile_file(product_files.image_file(), RuntimeRecord("openvino"))
"""


def test_it_answers_as_onnx_runtime_does() -> None:
    file, inputs = product_files.image_file(), product_files.images(7)
    there = predict_product(with_record(file, EXACT), inputs, 256)
    np.testing.assert_allclose(there, predict_product(file, inputs, 256), atol=1e-5)
    session = open_product(file, EXACT)
    plain = sessions.open_session(file)
    assert [port.name for port in session.get_inputs()] == [port.name for port in plain.get_inputs()]
    assert [port.name for port in session.get_outputs()] == [port.name for port in plain.get_outputs()]
    assert session.get_modelmeta().custom_metadata_map == plain.get_modelmeta().custom_metadata_map


@pytest.mark.skipif("bf16" not in native_precisions(), reason="this processor only emulates bf16")
def test_a_lower_precision_changes_the_numbers_a_little() -> None:
    file, inputs = product_files.image_file(), product_files.images(64)
    exact = predict_product(file, inputs, 256)
    rough = predict_product(with_record(file, RuntimeRecord("openvino", "", "bf16")), inputs, 256)
    assert 1e-6 < np.abs(rough - exact).max() < 0.05 * np.abs(exact).max()


def test_a_fixed_batch_takes_fewer_examples_too() -> None:
    file, inputs = product_files.image_file(), product_files.images(10)
    session = compile_file(file, EXACT, batch=4)
    assert session.get_inputs()[0].shape[0] == 4
    found = sessions.predict_in(session, inputs)
    assert len(found) == 10
    np.testing.assert_allclose(found, sessions.predict(file, inputs), atol=1e-5)


def test_a_bound_call_answers_anew() -> None:
    file, inputs = product_files.image_file(), product_files.images(2)
    session = compile_file(file, EXACT, batch=2)
    call = session.bound(inputs)
    call()
    [found] = session.run(None, inputs)[:1]
    np.testing.assert_allclose(sessions.measured_output(session).rows(found), sessions.predict(file, inputs), atol=1e-5)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (tree_models.tree_file, "it has no rule for ai.onnx.ml.LabelEncoder, ai.onnx.ml.TreeEnsembleClassifier"),
        (lambda kind: product_files.table_file(), "it has no rule for ai.onnx.ml.OneHotEncoder"),
    ],
)
def test_what_it_cannot_run_is_said_in_one_sentence(file: object, says: str) -> None:
    assert callable(file)
    with pytest.raises(UnsupportedModelError) as caught:
        compile_file(file("forest"), EXACT)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_errors_are_cut_to_what_they_say() -> None:
    message = "Exception from core.cpp:1:\nCheck 'x' failed at y.cpp:2:\nthe shapes do not fit.\nmore"
    assert short_reason(message) == "the shapes do not fit"
    assert short_reason("") == "no reason given"


def test_nothing_is_reported_nor_written_to_the_home_folder(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    subprocess.run([sys.executable, "-c", QUIET], env=environment, check=True, cwd=tmp_path)
    assert not (tmp_path / "intel").exists(), "OpenVINO's telemetry keeps an identifier there"


def test_the_engine_is_what_the_file_says() -> None:
    file = product_files.image_file()
    assert isinstance(open_product(file, EXACT), CompiledFile)
    assert not isinstance(open_product(file, RuntimeRecord()), CompiledFile)
