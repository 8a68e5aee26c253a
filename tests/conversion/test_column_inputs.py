"""Column inputs: a file that takes columns by name gets them in its own types, and says so where it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto
from support import datasets, onnx_files

from tasks.conversion import onnx_import
from tasks.conversion.onnx_export import Export
from tasks.core import Candidate, InputError, Prepared, Store
from tasks.data import input_layout, preprocessing, product_inputs
from tasks.data.data_spec import DataSpec
from tasks.kernels.onnx import description, sessions
from tasks.models.model_spec import ModelSpec

COUNT = 60
BIG = 2**53 + 1


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def frame() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "user": BIG + generator.integers(0, 4, COUNT) - BIG * (np.arange(COUNT) % 2),
            "age": generator.integers(0, 90, COUNT),
            "income": generator.normal(0, 1, COUNT),
            "member": generator.integers(0, 2, COUNT).astype(bool),
            "gap": np.where(np.arange(COUNT) % 7, generator.normal(0, 1, COUNT), np.nan),
            "town": generator.choice(["Rome", "Bonn"], COUNT),
            "id": np.arange(COUNT),
            "y": np.arange(COUNT) % 3 % 2,
        }
    )


def table(store: Store, folder: Path, **said: Any) -> Prepared:
    frame().to_csv(folder / "a.csv", index=False)
    dataset = datasets.ingested(DataSpec(source=str(folder / "a.csv"), target="y", **said), store)
    return preprocessing.preprocess(dataset, (), store)


def imported(prepared: Prepared, store: Store, file: Path) -> tuple[Candidate, Prepared]:
    """The product, and the data in its layout."""
    arranged = onnx_import.arrange_inputs(prepared, str(file), False, store)
    model, stamp = ModelSpec(file=str(file)), onnx_import.file_stamp(str(file))
    return onnx_import.import_onnx(arranged, model, False, Export(), stamp, store), arranged


def refusal(columns: dict[str, int], store: Store, folder: Path, **said: Any) -> str:
    file = onnx_files.write(onnx_files.typed_table(columns), folder / "m.onnx")
    with pytest.raises(InputError) as caught:
        onnx_import.arrange_inputs(table(store, folder, **said), str(file), False, store)
    return str(caught.value).replace(str(folder), "here")


@pytest.mark.parametrize(
    ("column", "kind", "dtype"),
    [
        ("user", TensorProto.INT64, "int64"),
        ("user", TensorProto.DOUBLE, "float64"),
        ("age", TensorProto.INT32, "int32"),
        ("age", TensorProto.UINT8, "uint8"),
        ("age", TensorProto.FLOAT16, "float16"),
        ("income", TensorProto.DOUBLE, "float64"),
        ("member", TensorProto.BOOL, "bool"),
    ],
)
def test_a_column_is_given_in_the_file_s_type(column: str, kind: int, dtype: str, store: Store, tmp_path: Path) -> None:
    file = onnx_files.write(onnx_files.typed_table({"age": TensorProto.INT64, column: kind}), tmp_path / "m.onnx")
    product, arranged = imported(table(store, tmp_path), store, file)
    data = store.get(product.content)
    assert description.interface(data) == description.interface(file)
    given = input_layout.product_inputs(arranged, "validation", store)
    assert (given[column].dtype, list(given)) == (dtype, list(dict.fromkeys(["age", column])))
    rows = product_inputs.read_examples(tmp_path / "a.csv", data).inputs
    expected = frame()[[column]].to_numpy().astype(dtype)
    np.testing.assert_array_equal(rows[column], expected)
    np.testing.assert_array_equal(sessions.predict(data, rows), sessions.predict(file, rows))


def test_columns_that_the_file_does_not_take_are_no_inputs_of_the_product(store: Store, tmp_path: Path) -> None:
    file = onnx_files.write(onnx_files.typed_table({"income": TensorProto.FLOAT}), tmp_path / "m.onnx")
    product, _ = imported(table(store, tmp_path), store, file)
    knobs = product.lineage[0].knobs
    assert knobs["in_front"] == "nothing, and it does not take user, age, member, gap, town"
    (frame()[["income"]]).to_csv(tmp_path / "new.csv", index=False)
    found = product_inputs.read_examples(tmp_path / "new.csv", store.get(product.content)).inputs
    assert found["income"].shape == (COUNT, 1)


@pytest.mark.parametrize(
    ("columns", "said", "message"),
    [
        (
            {"gap": TensorProto.INT64},
            {},
            "column 'gap' of here/a.csv must hold no missing values, since the model takes it as int64",
        ),
        (
            {"age": TensorProto.INT8, "income": TensorProto.INT32},
            {},
            "column 'income' of here/a.csv must hold whole numbers from -2147483648 to 2147483647, since the model "
            "takes it as int32, but got ",
        ),
        (
            {"age": TensorProto.INT64, "id": TensorProto.INT64},
            {},
            "takes the column 'id', which is left out, because it numbers the rows; "
            "nearest valid choice: data.types: {id: number}",
        ),
        (
            {"age": TensorProto.INT64, "gap": TensorProto.FLOAT},
            {"drop": ("gap",)},
            "takes the column 'gap', which is in data.drop; nearest valid choice: data.drop without gap",
        ),
        (
            {"age": TensorProto.INT64, "incomes": TensorProto.FLOAT},
            {},
            "takes a column that the data do not have, but got 'incomes'; nearest valid choice: income",
        ),
        (
            {"town": TensorProto.FLOAT},
            {},
            "must take column 'town' as string, but got 'float32'; nearest valid choice: data.types: {town: number}",
        ),
        ({"member": TensorProto.FLOAT}, {}, "must take column 'member' as string or bool, but got 'float32'"),
    ],
)
def test_what_the_data_do_not_give_is_one_message(
    columns: dict[str, int], said: dict[str, Any], message: str, store: Store, tmp_path: Path
) -> None:
    assert refusal(columns, store, tmp_path, **said).startswith(f"here/m.onnx: model.file: {message}")


def test_the_line_of_the_message_keeps_the_column(store: Store, tmp_path: Path) -> None:
    columns = {"age": TensorProto.INT64, "id": TensorProto.INT64}
    file = onnx_files.write(onnx_files.typed_table(columns), tmp_path / "m.onnx")
    product, arranged = imported(table(store, tmp_path, types={"id": "number"}), store, file)
    rows = input_layout.product_inputs(arranged, "test", store)
    np.testing.assert_array_equal(
        sessions.predict(store.get(product.content), rows)[:, 1], (rows["age"] + rows["id"])[:, 0].astype(np.float32)
    )
