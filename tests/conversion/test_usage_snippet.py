"""Usage snippet: run as it is printed, it gives the answers of the product."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from support import product_files, runs

from tasks.conversion.answer_rule import THRESHOLD, read_rule
from tasks.conversion.usage_snippet import usage_snippet
from tasks.core import Context
from tasks.data import ingestion, product_inputs
from tasks.data.data_spec import DataSpec
from tasks.data.preprocessing import preprocess
from tasks.kernels.engines.product_session import predict_product
from tasks.kernels.engines.runtime_record import RuntimeRecord, installed_version, with_record
from tasks.kernels.onnx import description, sessions
from tasks.kernels.statistics.class_metrics import log_softmax
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_table


def visitors(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    """Text, dates, truth, whole numbers, and prices with a decimal comma and a currency."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.integers(18, 80, rows), "city": rng.choice(["Bonn", "Ulm", "Jena"], rows)})
    frame["joined"] = pd.date_range("2020-01-01", periods=rows).strftime("%d.%m.%Y")
    frame["member"] = rng.choice(["true", "FALSE"], rows)
    frame["spent"] = [f"1.{cents // 100:03d},{cents % 100:02d} €" for cents in rng.integers(0, 99_999, rows)]
    frame["left"] = np.where(frame["age"] + 30 * (frame["city"] == "Ulm") > 60, "yes", "no")
    return frame


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("visitors")
    visitors().to_csv(folder / "visitors.csv", index=False)
    context = Context(runs.workspace(folder))
    spec = DataSpec(source=str(folder / "visitors.csv"), target="left")
    prepared = preprocess(ingestion.ingest(spec, ingestion.source_stamp(spec), context), (), context.store)
    return context.store.get(fit_table(prepared, Fit(family="lightgbm"), (), context).content)


def printed(
    model: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[list[str], dict[str, Any]]:
    """The lines that the snippet prints, and its variables."""
    (folder / "model.onnx").write_bytes(model)
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(usage_snippet(folder / "model.onnx"), names)
    return capsys.readouterr().out.splitlines(), names


def test_a_table_with_blanks_and_unseen_categories(
    table: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = visitors(40, seed=1).drop(columns="left")[["city", "spent", "joined", "member", "age"]].assign(note="x")
    rows.loc[:3, "city"] = "Oslo"
    for place, name in enumerate(rows.columns[:-1]):
        rows.loc[10 + 3 * place : 12 + 3 * place, name] = None
    rows.to_csv(tmp_path / "rows.csv", index=False)
    lines, names = printed(table, tmp_path, monkeypatch, capsys)
    found = sessions.predict(table, product_inputs.read_examples(tmp_path / "rows.csv", table).inputs)
    shares = np.exp(log_softmax(found))
    np.testing.assert_allclose(names["shares"], shares, atol=1e-6)
    assert lines == [read_rule(table).classes[at] for at in shares.argmax(axis=1)]
    assert set(lines) == {"yes", "no"}


def test_an_operating_point_is_kept(
    table: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    proto = onnx.load_from_string(table)
    rule = {THRESHOLD: json.dumps({"class": "yes", "value": 0.001})}
    onnx.helper.set_model_props(proto, description.metadata(table) | rule)
    visitors(40, seed=2).to_csv(tmp_path / "rows.csv", index=False)
    lines, names = printed(proto.SerializeToString(), tmp_path, monkeypatch, capsys)
    assert lines == np.where(names["shares"][:, 1] >= 0.001, "yes", "no").tolist()


def test_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    model, inputs = product_files.image_file(), product_files.images(30)
    np.save(tmp_path / "examples.npy", inputs["image"])
    lines, names = printed(model, tmp_path, monkeypatch, capsys)
    logits = sessions.predict(model, inputs)
    np.testing.assert_allclose(names["shares"], np.exp(log_softmax(logits)), atol=1e-6)
    assert lines == ["abcd"[at] for at in logits.argmax(axis=1)]


def test_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    model, rows = product_files.table_file(), product_files.rows(12)
    pd.DataFrame({name: values[:, 0] for name, values in rows.items()}).to_csv(tmp_path / "rows.csv", index=False)
    lines, _ = printed(model, tmp_path, monkeypatch, capsys)
    np.testing.assert_allclose([float(line) for line in lines], sessions.predict(model, rows)[:, 0], rtol=1e-5)


def test_it_is_short(table: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(product_files.image_file())
    assert len(usage_snippet(tmp_path / "model.onnx").splitlines()) <= 14
    (tmp_path / "model.onnx").write_bytes(table)
    text = usage_snippet(tmp_path / "model.onnx")
    assert len(text.splitlines()) <= 25
    assert max(len(line) for line in text.splitlines()) <= 140


@pytest.mark.skipif(installed_version("openvino") is None, reason="OpenVINO is not installed")
@pytest.mark.parametrize(("batch", "fixes"), [(1, True), (8, False)])
def test_a_product_of_the_second_engine(
    batch: int, fixes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = RuntimeRecord("openvino", str(installed_version("openvino")), "f32", 1, batch)
    model, raw = with_record(product_files.image_file(), record), product_files.images(12)
    np.save(tmp_path / "examples.npy", raw["image"])
    lines, names = printed(model, tmp_path, monkeypatch, capsys)
    shares = np.exp(log_softmax(predict_product(model, raw, 12)))
    np.testing.assert_allclose(names["shares"], shares, atol=1e-5)
    assert lines == [read_rule(model).classes[at] for at in shares.argmax(axis=1)]
    assert ("model.reshape" in usage_snippet(tmp_path / "model.onnx")) is fixes
    assert "onnxruntime" not in usage_snippet(tmp_path / "model.onnx")
