"""Product inputs: a user's file becomes exactly what the product takes, as the training data did, or is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper
from PIL import Image
from support import product_files
from support.encoded_images import encoded

from tasks.core import InputError
from tasks.data import product_inputs
from tasks.kernels.onnx import sessions

IMAGES = product_files.image_file()
TABLE = product_files.table_file()


def pixels(count: int = 3) -> np.ndarray:
    return product_files.images(count)["image"]


def table() -> pd.DataFrame:
    return pd.DataFrame({"town": [" Rome", "?", None], "extra": [1, 2, 3], "rooms": [1, 2.5, None]})


def test_arrays_of_pixels(tmp_path: Path) -> None:
    raw = pixels()
    np.save(tmp_path / "a.npy", raw)
    np.savez(tmp_path / "b.npz", y=np.arange(3), images=raw)
    np.savez(tmp_path / "c.npz", scans=raw)
    np.savez(tmp_path / "d.npz", images=raw[:1], mine=raw)
    for name in ("a.npy", "b.npz", "c.npz"):
        np.testing.assert_array_equal(product_inputs.read_examples(tmp_path / name, IMAGES).inputs["image"], raw)
    assert len(product_inputs.read_examples(tmp_path / "d.npz", IMAGES).inputs["image"]) == 1
    found = product_inputs.read_examples(tmp_path / "d.npz", IMAGES, "mine").inputs["image"]
    np.testing.assert_array_equal(found, raw)
    assert found.dtype == np.uint8


def test_whole_numbers_of_any_type_and_nothing_else_become_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a.npy"
    np.save(file, pixels().astype(np.int64))
    np.testing.assert_array_equal(product_inputs.read_examples(file, IMAGES).inputs["image"], pixels())
    for wrong in (pixels() / 255, pixels().astype(np.int64) - 1, pixels().astype(np.int64) + 256):
        np.save(file, wrong)
        with pytest.raises(InputError, match=r"a\.npy: must hold whole numbers from 0 to 255"):
            product_inputs.read_examples(file, IMAGES)


def test_a_picture_and_a_folder_of_pictures_are_decoded_and_resized(tmp_path: Path) -> None:
    for index, value in enumerate((0, 200)):
        Image.fromarray(np.full((16, 12, 3), value, np.uint8)).save(tmp_path / f"{index}.png")
    found = product_inputs.read_examples(tmp_path, IMAGES).inputs["image"]
    assert found.shape == (2, 8, 8, 3)
    assert found.mean(axis=(1, 2, 3)).tolist() == [0, 200]
    assert product_inputs.read_examples(tmp_path / "1.png", IMAGES).inputs["image"].mean() == 200


def test_what_holds_no_pictures_of_the_size_is_refused(tmp_path: Path) -> None:
    file, folder = tmp_path / "a.npy", tmp_path / "empty"
    folder.mkdir()
    np.save(file, pixels()[:, :4])
    with pytest.raises(InputError, match=r"must hold images of shape \(8, 8, 3\), but got \(4, 8, 3\)"):
        product_inputs.read_examples(file, IMAGES)
    np.save(file, pixels()[..., 0])
    with pytest.raises(InputError, match=r"but got \(8, 8, 1\)"):
        product_inputs.read_examples(file, IMAGES)
    with pytest.raises(InputError, match="must hold at least one image"):
        product_inputs.read_examples(folder, IMAGES)
    (folder / "notes.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"notes\.txt: images must decode, but 1 of 1 do not: .*notes\.txt \(no image"):
        product_inputs.read_examples(folder / "notes.txt", IMAGES)
    with pytest.raises(InputError, match=r"nothing\.npz: does not exist"):
        product_inputs.read_examples(tmp_path / "nothing.npz", IMAGES)


def test_a_folder_is_listed_as_in_training(tmp_path: Path) -> None:
    places = ("b/1.JFIF", "a.png", "._a.png", "__MACOSX/a.png", "Thumbs.db", "notes.txt", "b/2.heic")
    for name in places:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no picture")
    for name, value in (("b/1.JFIF", 90), ("a.png", 7)):
        form = "PNG" if name == "a.png" else "JPEG"
        (tmp_path / name).write_bytes(encoded(Image.new("L", (8, 8), value), form))
    found = product_inputs.read_examples(tmp_path, IMAGES).inputs["image"]
    assert found[:, 0, 0, 0].tolist() == [7, 90]
    assert product_inputs.passed_over(tmp_path) == "1 .heic, 1 .txt"
    assert product_inputs.passed_over(tmp_path / "a.png") == ""


def test_all_pictures_that_do_not_decode_are_named(tmp_path: Path) -> None:
    for name, data in (("1.png", b""), ("2.png", b"<html>"), ("3.png", encoded(Image.new("L", (8, 8))))):
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=r"2 of 3 do not: .*1\.png \(empty\), .*2\.png \(an HTML page\)$"):
        product_inputs.read_examples(tmp_path, IMAGES)


def test_a_picture_of_another_range_than_the_training_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.png").write_bytes(encoded(Image.new("I;16", (8, 8), 4000)))
    (tmp_path / "plain.png").write_bytes(encoded(Image.new("L", (8, 8), 200)))
    law = "must hold images of 8 bits, as the training data did, but got '16-bit'"
    with pytest.raises(InputError, match=rf"deep\.png: {law}"):
        product_inputs.read_examples(tmp_path / "deep.png", IMAGES)
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 8, 8, 1])]
    deep, plain = (labelled(inputs, kind="images", pixels=raw) for raw in ("float32", "uint8"))
    assert product_inputs.read_examples(tmp_path / "deep.png", deep).inputs["image"].max() == 4000
    assert product_inputs.read_examples(tmp_path / "plain.png", plain).inputs["image"].max() == 200
    with pytest.raises(InputError, match="must hold images of more than 8 bits, as the training data did, but got '8-"):
        product_inputs.read_examples(tmp_path / "plain.png", deep)
    with pytest.raises(InputError, match=law):
        product_inputs.read_examples(tmp_path / "deep.png", plain)


def test_files_of_arrays_never_run_code_and_must_be_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.npy"
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy: must be a file of plain NumPy arrays"):
        product_inputs.read_examples(file, IMAGES)
    np.save(file, pixels())
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"must be a file of plain NumPy arrays"):
        product_inputs.read_examples(file, IMAGES)
    for content in (b"", b"hello"):
        (tmp_path / "b.npz").write_bytes(content)
        with pytest.raises(InputError, match=r"b\.npz: must be a file of plain NumPy arrays"):
            product_inputs.read_examples(tmp_path / "b.npz", IMAGES)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "semicolons.csv"])
def test_tables_are_read_as_in_training(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    if name.endswith("parquet"):
        table().to_parquet(file, index=False)
    else:
        table().to_csv(file, index=False, sep=";" if name.startswith("semi") else ",")
    found = product_inputs.read_examples(file, TABLE).inputs
    assert list(found) == ["rooms", "town"]
    np.testing.assert_array_equal(found["rooms"], np.array([[1], [2.5], [np.nan]], np.float32))
    assert found["town"].tolist() == [["Rome"], [""], [""]]
    assert sessions.predict(TABLE, found).shape == (3, 1)


def test_numbers_as_categories_are_the_same_text_as_in_training(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("town,rooms\n1,2\n,3\n3,4\n")  # with a hole, pandas makes decimals of them
    assert product_inputs.read_examples(file, TABLE).inputs["town"].tolist() == [["1"], [""], ["3"]]


def test_tables_without_what_the_model_takes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    table().rename(columns={"rooms": "room"}).to_csv(file, index=False)
    with pytest.raises(InputError, match=r"rooms.*nearest valid choice: room"):
        product_inputs.read_examples(file, TABLE)
    table().assign(rooms=["one", "two", "three"]).to_csv(file, index=False)
    with pytest.raises(InputError, match=r"'rooms'.*must hold numbers"):
        product_inputs.read_examples(file, TABLE)
    (tmp_path / "a.txt").write_text("town,rooms\n")
    with pytest.raises(InputError, match=r"must be a \.csv or \.parquet table"):
        product_inputs.read_examples(tmp_path / "a.txt", TABLE)
    (tmp_path / "a.parquet").write_text("no parquet")
    with pytest.raises(InputError, match="must be a Parquet file"):
        product_inputs.read_examples(tmp_path / "a.parquet", TABLE)


def labelled(inputs: list[Any], **said: Any) -> bytes:
    """A file with these inputs, which gives back the first, and metadata."""
    first = inputs[0].name
    output = helper.make_tensor_value_info("y", inputs[0].type.tensor_type.elem_type, None)
    graph = helper.make_graph([helper.make_node("Identity", [first], ["y"])], "g", inputs, [output])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    words = {key: value if isinstance(value, str) else json.dumps(value) for key, value in said.items()}
    helper.set_model_props(made, words)
    return bytes(made.SerializeToString())


def test_an_array_is_found_by_its_name(tmp_path: Path) -> None:
    model = labelled([helper.make_tensor_value_info("signal", TensorProto.FLOAT, ["n", 5, 2])], kind="array")
    values = np.random.default_rng(0).normal(size=(3, 5, 2))
    np.savez(tmp_path / "a.npz", x=values[:, :1], signal=values)
    found = product_inputs.read_examples(tmp_path / "a.npz", model).inputs
    np.testing.assert_array_equal(found["signal"], values.astype(np.float32))
    np.save(tmp_path / "a.npy", values[:, :4])
    with pytest.raises(InputError, match=r"must hold examples of shape \(5, 2\), but got \(4, 2\)"):
        product_inputs.read_examples(tmp_path / "a.npy", model)
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"must be an \.npy or \.npz file with the array 'signal'"):
        product_inputs.read_examples(tmp_path / "a.csv", model)


def test_token_numbers_stay_whole(tmp_path: Path) -> None:
    model = labelled([helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", 4])], kind="array")
    np.save(tmp_path / "a.npy", np.arange(8, dtype=np.int32).reshape(2, 4))
    found = product_inputs.read_examples(tmp_path / "a.npy", model).inputs["ids"]
    assert (found.dtype, found.tolist()) == (np.int64, [[0, 1, 2, 3], [4, 5, 6, 7]])
    np.save(tmp_path / "a.npy", np.ones((2, 4)))
    with pytest.raises(InputError, match="must hold whole numbers, as the training data did"):
        product_inputs.read_examples(tmp_path / "a.npy", model)


def test_pictures_come_in_the_layout_of_the_file(tmp_path: Path) -> None:
    layout = {"name": "pixels", "axes": "NCHW", "dtype": "float32"}
    inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, 8, 8])]
    np.save(tmp_path / "a.npy", pixels())
    found = product_inputs.read_examples(tmp_path / "a.npy", labelled(inputs, kind="images", layout=layout)).inputs
    np.testing.assert_array_equal(found["pixels"], pixels().transpose(0, 3, 1, 2).astype(np.float32))


def test_columns_come_side_by_side_as_the_file_takes_them(tmp_path: Path) -> None:
    layout = {"name": "rows", "axes": "NC", "dtype": "float32"}
    inputs = [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 2])]
    (tmp_path / "a.csv").write_text("a,more,b\n1,0,2\n3,0,4\n")
    model = labelled(inputs, kind="table", layout=layout, columns=["b", "a"])
    assert product_inputs.read_examples(tmp_path / "a.csv", model).inputs["rows"].tolist() == [[2, 1], [4, 3]]


def ruled(*columns: dict[str, Any], **text: Any) -> bytes:
    """A product that takes these columns, with the rules by which they are read."""
    kinds = {"number": TensorProto.FLOAT, "category": TensorProto.STRING}
    inputs = [helper.make_tensor_value_info(each["name"], kinds[each["kind"]], ["n", 1]) for each in columns]
    rules = [{"missing": (), "texts": (), **each} for each in columns]
    return labelled(inputs, kind="table", reading={"columns": rules, "separator": "", "encoding": "", **text})


def test_a_table_is_read_by_the_rules_in_the_product(tmp_path: Path) -> None:
    price = {"name": "price", "kind": "number", "decimal": ",", "thousands": ".", "unit": "€", "missing": ["free"]}
    flag = {"name": "flag", "kind": "category", "truth": True}
    model = ruled(price, {"name": "code", "kind": "category"}, flag, encoding="cp1252")
    text = "größe;code;flag;price;\n1;01;TRUE;1.200,50 €;\n2;7;false;free;\n3;NA;;2,5;\n"
    (tmp_path / "a.csv").write_bytes(text.encode("cp1252"))
    found = product_inputs.read_examples(tmp_path / "a.csv", model).inputs
    np.testing.assert_array_equal(found["price"], np.array([[1200.5], [np.nan], [2.5]], np.float32))
    assert found["code"].tolist() == [["01"], ["7"], [""]]
    assert found["flag"].tolist() == [["True"], ["False"], [""]]
    (tmp_path / "b.csv").write_text("code;flag;price\n01;true;2.5\n")
    with pytest.raises(InputError, match=r"column 'price' of .* must hold numbers with a decimal comma.*'2\.5'"):
        product_inputs.read_examples(tmp_path / "b.csv", model)


def test_what_the_product_does_not_know_is_one_message(tmp_path: Path) -> None:
    model = ruled({"name": "tenure", "kind": "number"}, {"name": "code", "kind": "category", "texts": ["01", "02"]})
    for content, message in {
        "tenur,code\n1,01\n": r"INPUT: .*a\.csv must have the column 'tenure'.*nearest valid choice: tenur",
        "tenure,code\n": r"INPUT: .*a\.csv must hold at least one row",
        "tenure,code\n" + "1,1\n" * 20: r"column 'code' of .*20 of 20 are new\), but got '1'.*: 01",
    }.items():
        (tmp_path / "a.csv").write_text(content)
        with pytest.raises(InputError, match=message):
            product_inputs.read_examples(tmp_path / "a.csv", model)
    (tmp_path / "a.csv").write_text("tenure,code\n1,1\n")  # a single row may be new
    assert product_inputs.read_examples(tmp_path / "a.csv", model).inputs["code"].tolist() == [["1"]]


def test_a_file_without_a_header_has_the_columns_of_training(tmp_path: Path) -> None:
    numbers = [{"name": name, "kind": "number"} for name in ("a", "b")]
    model = ruled(*numbers, names=["a", "y", "b"], target="y")
    for content in ("1,yes,2\n3,no,4\n", "1,2\n3,4\n", "b,a\n2,1\n4,3\n", "a,y,b\n1,yes,2\n3,no,4\n"):
        (tmp_path / "a.csv").write_text(content)
        found = product_inputs.read_examples(tmp_path / "a.csv", model).inputs
        assert {name: values.ravel().tolist() for name, values in found.items()} == {"a": [1, 3], "b": [2, 4]}
    (tmp_path / "a.csv").write_text("1\n2\n")
    with pytest.raises(InputError, match=r"must have the 3 columns of the training data, or all but the target"):
        product_inputs.read_examples(tmp_path / "a.csv", model)


def test_examples_have_the_names_of_the_id_column_and_strange_units_are_told(tmp_path: Path) -> None:
    height = helper.make_tensor_value_info("height", TensorProto.FLOAT, ["n", 1])
    reading = {"columns": [{"name": "height", "kind": "number", "missing": (), "texts": ()}], "encoding": ""}
    known = {"name": "height", "least": 1.5, "most": 2.0, "low": 1.5, "high": 2.0, "whole": False}
    model = labelled([height], kind="table", reading=reading, ranges=[known], id="customer")
    (tmp_path / "a.csv").write_text("customer,height\n007,1.8\nx y,1.7\n009,165\n")
    found = product_inputs.read_examples(tmp_path / "a.csv", model)
    assert found.names == ("007", "x y", "009")
    assert found.warnings == ()
    (tmp_path / "a.csv").write_text("height\n" + "180\n" * 9)
    found = product_inputs.read_examples(tmp_path / "a.csv", model)
    assert found.names == ()
    assert found.warnings[0].startswith("column 'height': 9 of 9 values lie outside of the training range 1.5 to 2")


def test_pictures_of_another_range_are_refused(tmp_path: Path) -> None:
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 8, 8, 1])
    known = {"name": "values", "least": 0, "most": 16, "low": 0, "high": 16, "whole": True}
    model = labelled([image], kind="images", ranges=[known])
    digits = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1) // 4
    for scale, name in ((1, "a"), (17, "b")):
        Image.fromarray(digits[0, :, :, 0] * scale).save(tmp_path / f"{name}.png")
    assert product_inputs.read_examples(tmp_path / "a.png", model).inputs["image"].max() == 15
    with pytest.raises(InputError, match=r"which had 0 to 16, but got '0 to 255'"):
        product_inputs.read_examples(tmp_path / "b.png", model)
