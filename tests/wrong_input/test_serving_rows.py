"""Rows that are served: what a product of a table does with columns that are missing, moved, of another type or new."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import runs

from tasks.core import Context, InputError
from tasks.data import ingestion, product_inputs
from tasks.data.data_spec import DataSpec
from tasks.data.preprocessing import preprocess
from tasks.kernels.onnx import sessions
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_table


def people(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.integers(18, 80, rows), "city": rng.choice(["Bonn", "Ulm", "Jena"], rows)})
    frame["joined"] = pd.date_range("2020-01-01", periods=rows).strftime("%Y-%m-%d")
    frame["left"] = np.where(frame["age"] + 30 * (frame["city"] == "Ulm") > 60, "yes", "no")
    return frame


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("served")
    people().to_csv(folder / "people.csv", index=False)
    context = Context(runs.workspace(folder))
    spec = DataSpec(source=str(folder / "people.csv"), target="left")
    prepared = preprocess(ingestion.ingest(spec, ingestion.source_stamp(spec), context), (), context.store)
    return context.store.get(fit_table(prepared, Fit(family="lightgbm"), (), context).content)


def answers(product: bytes, frame: pd.DataFrame, folder: Path, ending: str = "csv") -> np.ndarray:
    """What the product answers for a file of these rows."""
    file = folder / f"fresh.{ending}"
    frame.to_csv(file, index=False) if ending == "csv" else frame.to_parquet(file)
    return sessions.predict(product, product_inputs.read_examples(file, product).inputs)


def test_order_other_columns_and_other_types_change_nothing(product: bytes, tmp_path: Path) -> None:
    frame = people(20, seed=1).drop(columns="left")
    usual = answers(product, frame, tmp_path)
    moved = frame[["joined", "city", "age"]].assign(note="not known", age=frame["age"].astype(float))
    np.testing.assert_array_equal(answers(product, moved, tmp_path), usual)
    typed = frame.assign(joined=pd.to_datetime(frame["joined"]), age=frame["age"].astype("int32"))
    np.testing.assert_array_equal(answers(product, typed, tmp_path, "parquet"), usual)
    as_text = frame.assign(age=frame["age"].astype(str) + ".0")
    np.testing.assert_array_equal(answers(product, as_text, tmp_path), usual)


def test_none_is_missing_and_a_new_category_is_unknown(product: bytes, tmp_path: Path) -> None:
    frame = people(20, seed=1).drop(columns="left")
    gaps = frame.assign(age=None, city=None, joined=None)
    empty = frame.assign(age="", city="", joined="")
    np.testing.assert_array_equal(answers(product, gaps, tmp_path, "parquet"), answers(product, empty, tmp_path))
    is_new = np.arange(20) < 5
    new = [answers(product, frame.assign(city=frame["city"].mask(is_new, name)), tmp_path) for name in ("Rome", "Oslo")]
    np.testing.assert_array_equal(new[0], new[1])
    assert np.isfinite(new[0]).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"age": None}, r"fresh\.csv.*'age'"),
        ({"age": "old"}, r"'age' of .*fresh\.csv must hold numbers.*'old'"),
        ({"city": "Rome"}, r"'city' of .*fresh\.csv must hold values that training knows \(20 of 20 are new\)"),
        ({"joined": "yesterday"}, r"'joined' of .*fresh\.csv must hold dates in the form %Y-%m-%d.*'yesterday'"),
    ],
)
def test_what_cannot_be_read_is_one_message(
    change: dict[str, str | None], says: str, product: bytes, tmp_path: Path
) -> None:
    frame = people(20, seed=1).drop(columns="left")
    for name, value in change.items():
        frame = frame.drop(columns=name) if value is None else frame.assign(**{name: value})
    with pytest.raises(InputError, match=says):
        answers(product, frame, tmp_path)
