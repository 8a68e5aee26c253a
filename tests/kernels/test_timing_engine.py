"""Timing engine: techniques time and answer in the engine of the context, and say so where it cannot run a file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from support import product_files, tree_models
from torch import nn

from tasks.architectures import convnet
from tasks.core import Refusal
from tasks.kernels.engines.openvino_model import CompiledFile
from tasks.kernels.engines.runtime_record import RuntimeRecord, installed_version
from tasks.kernels.engines.timing_engine import answer_timed, open_timed, timed_in, timing_record
from tasks.kernels.latency import layer_costs
from tasks.kernels.latency.network_timer import NetworkTimer, NotConvertibleError
from tasks.kernels.onnx import sessions
from tasks.kernels.onnx.layer_timing import Layer
from tasks.techniques.quantization.variant_comparison import measure_reference

pytestmark = pytest.mark.skipif(installed_version("openvino") is None, reason="OpenVINO is not installed")
OPENVINO = RuntimeRecord("openvino", "", "f32")


def test_the_context_decides_and_ends() -> None:
    file, inputs = product_files.image_file(), product_files.images(70)
    assert timing_record().engine == "onnxruntime"
    with timed_in(OPENVINO):
        assert timing_record() == OPENVINO
        assert isinstance(open_timed(file), CompiledFile)
        there = answer_timed(file, inputs)
    assert not isinstance(open_timed(file), CompiledFile)
    np.testing.assert_allclose(there, answer_timed(file, inputs), atol=1e-5)
    assert np.array_equal(answer_timed(file, inputs), sessions.predict(file, inputs))


def test_layers_are_timed_by_the_other_profiler() -> None:
    small, large = (Layer(width, width, (16, 16), (3, 3), (1, 1), (1, 1), (1, 1, 1, 1)) for width in (8, 128))
    layers = [small, large, Layer(16, 8, ()), Layer(16, 8, (6,))]

    with timed_in(OPENVINO):
        found = layer_costs.measure_layers(layers)
    assert all(0 < each < 100 for each in found.values())
    assert 4 * found[small] < found[large], "256 times the multiplications"


def test_networks_are_timed_there() -> None:
    wide, narrow = (convnet((1, 16, 16), 4, width=width).eval() for width in (64, 4))
    with timed_in(OPENVINO):
        assert NetworkTimer(wide, torch.zeros(2, 1, 16, 16)).speedup(narrow) > 1.5


def test_what_it_cannot_run_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    trees = onnx.load_from_string(tree_models.tree_file("forest"))
    with timed_in(OPENVINO):
        monkeypatch.setattr("tasks.kernels.onnx.torch_export.convert", lambda *_: trees)
        with pytest.raises(NotConvertibleError, match="Linear: OpenVINO cannot run it: it has no rule for"):
            NetworkTimer(nn.Linear(2, 2), torch.zeros(2, 2))


def test_a_variant_that_it_cannot_run_is_left_out() -> None:
    file, inputs = product_files.image_file(), product_files.images(8)
    reference = measure_reference(file, [(inputs, np.zeros(8, int))])
    trees = tree_models.tree_file("forest")
    with timed_in(OPENVINO):
        [row] = reference.compare({"same": file, "trees": trees}, "variant")
        assert row["variant"] == "same"
        assert row["agreement"] == 1
        with pytest.raises(Refusal, match="OpenVINO cannot run it"):
            reference.compare({"trees": trees}, "variant")
