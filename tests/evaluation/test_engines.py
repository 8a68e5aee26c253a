"""Engines: what a recipe measures in, what cannot be used here, and a file whose engine is another one now."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import product_files, tree_models

from tasks.core import InputError, Refusal, Runtime
from tasks.evaluation import engines, evaluate
from tasks.kernels.engines import runtime_record
from tasks.kernels.engines.runtime_record import RuntimeRecord, installed_version, native_precisions, with_record
from tasks.kernels.host.machine import host_name

needs_openvino = pytest.mark.skipif(installed_version("openvino") is None, reason="OpenVINO is not installed")
FIRST = Runtime(engine=("onnxruntime",))


def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a host where only ONNX Runtime is installed."""
    known = runtime_record.installed_version
    monkeypatch.setattr(runtime_record, "installed_version", lambda name: None if name == "openvino" else known(name))


def test_absent_means_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engines.engines_of(Runtime()) == runtime_record.installed_engines()
    assert engines.engines_of(Runtime(provider="cuda")) == ("onnxruntime",)
    assert engines.engines_of(FIRST) == ("onnxruntime",)
    without_openvino(monkeypatch)
    assert engines.engines_of(Runtime()) == ("onnxruntime",)
    assert engines.second_runtimes_of(Runtime()) == ()
    assert engines.host_of(Runtime()) == host_name()


@needs_openvino
def test_a_record_for_each_precision_and_the_version_in_the_host() -> None:
    runtime, version = Runtime(engine=("openvino",), threads=2, batch=8), installed_version("openvino")
    expected = [RuntimeRecord("openvino", str(version), each, 2, 8) for each in native_precisions()]
    assert list(engines.second_runtimes_of(runtime)) == expected
    assert engines.host_of(runtime) == f"{host_name()}, openvino {version}"
    assert engines.host_of(FIRST) == host_name()
    [only] = engines.second_runtimes_of(runtime.model_copy(update={"precision": ("f32",)}))
    assert only.precision == "f32"


@needs_openvino
def test_techniques_time_in_the_engine_that_is_named_first() -> None:
    native = native_precisions()
    for runtime, engine, precision in (
        (Runtime(), "onnxruntime", "f32"),
        (Runtime(engine=("onnxruntime", "openvino")), "onnxruntime", "f32"),
        (Runtime(engine=("openvino", "onnxruntime")), "openvino", native[-1]),
        (Runtime(engine=("openvino",), precision=("f32", native[-1])), "openvino", "f32"),
    ):
        found = engines.timing_runtime(runtime)
        assert (found.engine, found.precision) == (engine, precision)


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    without_openvino(monkeypatch)
    with pytest.raises(InputError) as caught:
        engines.check_runtime(Runtime(engine=("openvino",)))
    assert str(caught.value) == (
        "runtime.engine: must be installed: pip install 'paredown[openvino]', but got 'openvino'; "
        "nearest valid choice: onnxruntime"
    )
    with pytest.raises(InputError, match=r"the product runs in OpenVINO, which must be installed: pip install"):
        engines.check_record(RuntimeRecord("openvino", "1", "f32"), "the product")


def test_a_precision_that_is_only_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_record, "native_precisions", lambda: ("f32",))
    with pytest.raises(InputError, match=r"runtime\.precision: .*only emulates it, which is slower.*'bf16'.*: f32"):
        engines.check_runtime(Runtime(engine=("onnxruntime",), precision=("bf16",)))
    monkeypatch.setattr(runtime_record, "installed_version", lambda name: "1")
    with pytest.raises(InputError, match=r"chosen for OpenVINO bf16, which this processor only emulates: run `pare"):
        engines.check_record(RuntimeRecord("openvino", "1", "bf16"), "the file")


@needs_openvino
def test_a_file_that_the_engine_cannot_run_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "trees.onnx"
    file.write_bytes(with_record(tree_models.tree_file("forest"), RuntimeRecord("openvino")))
    [(inputs, _)] = tree_models.tree_batches("forest")[:1]
    with pytest.raises(Refusal, match="OpenVINO cannot run it: it has no rule for"):
        evaluate.run_file(file, inputs, Runtime())


def test_another_version_is_said_with_a_way_out(tmp_path: Path) -> None:
    file, here = tmp_path / "model.onnx", installed_version("onnxruntime")
    file.write_bytes(product_files.image_file())
    assert engines.version_doubt(file) is None, "it does not say what it was measured in"
    file.write_bytes(with_record(product_files.image_file(), RuntimeRecord(version=str(here))))
    assert engines.version_doubt(file) is None
    file.write_bytes(with_record(product_files.image_file(), RuntimeRecord(version="1.2")))
    assert engines.version_doubt(file) == (
        f"the product was measured in ONNX Runtime 1.2, but {here} is installed, whose answers and times may differ: "
        "install onnxruntime==1.2, or run `paredown optimize` again"
    )
