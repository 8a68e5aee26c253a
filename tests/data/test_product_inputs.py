"""Product inputs: a user's file becomes exactly what the product takes, as the training data did, or is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support import product_files

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
        np.testing.assert_array_equal(product_inputs.read_inputs(tmp_path / name, IMAGES)["image"], raw)
    assert len(product_inputs.read_inputs(tmp_path / "d.npz", IMAGES)["image"]) == 1
    found = product_inputs.read_inputs(tmp_path / "d.npz", IMAGES, "mine")["image"]
    np.testing.assert_array_equal(found, raw)
    assert found.dtype == np.uint8


def test_whole_numbers_of_any_type_and_nothing_else_become_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a.npy"
    np.save(file, pixels().astype(np.int64))
    np.testing.assert_array_equal(product_inputs.read_inputs(file, IMAGES)["image"], pixels())
    for wrong in (pixels() / 255, pixels().astype(np.int64) - 1, pixels().astype(np.int64) + 256):
        np.save(file, wrong)
        with pytest.raises(InputError, match=r"a\.npy: must hold whole numbers from 0 to 255"):
            product_inputs.read_inputs(file, IMAGES)


def test_a_picture_and_a_folder_of_pictures_are_decoded_and_resized(tmp_path: Path) -> None:
    for index, value in enumerate((0, 200)):
        Image.fromarray(np.full((16, 12, 3), value, np.uint8)).save(tmp_path / f"{index}.png")
    found = product_inputs.read_inputs(tmp_path, IMAGES)["image"]
    assert found.shape == (2, 8, 8, 3)
    assert found.mean(axis=(1, 2, 3)).tolist() == [0, 200]
    assert product_inputs.read_inputs(tmp_path / "1.png", IMAGES)["image"].mean() == 200


def test_what_holds_no_pictures_of_the_size_is_refused(tmp_path: Path) -> None:
    file, folder = tmp_path / "a.npy", tmp_path / "empty"
    folder.mkdir()
    np.save(file, pixels()[:, :4])
    with pytest.raises(InputError, match=r"must hold images of shape \(8, 8, 3\), but got \(4, 8, 3\)"):
        product_inputs.read_inputs(file, IMAGES)
    np.save(file, pixels()[..., 0])
    with pytest.raises(InputError, match=r"but got \(8, 8, 1\)"):
        product_inputs.read_inputs(file, IMAGES)
    with pytest.raises(InputError, match="must hold at least one image"):
        product_inputs.read_inputs(folder, IMAGES)
    (folder / "notes.txt").write_text("no picture")
    with pytest.raises(InputError, match=r"notes\.txt: must be an image"):
        product_inputs.read_inputs(folder, IMAGES)
    with pytest.raises(InputError, match=r"nothing\.npz: does not exist"):
        product_inputs.read_inputs(tmp_path / "nothing.npz", IMAGES)


def test_files_of_arrays_never_run_code_and_must_be_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.npy"
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy: must be a file of plain NumPy arrays"):
        product_inputs.read_inputs(file, IMAGES)
    np.save(file, pixels())
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"must be a file of plain NumPy arrays"):
        product_inputs.read_inputs(file, IMAGES)
    for content in (b"", b"hello"):
        (tmp_path / "b.npz").write_bytes(content)
        with pytest.raises(InputError, match=r"b\.npz: must be a file of plain NumPy arrays"):
            product_inputs.read_inputs(tmp_path / "b.npz", IMAGES)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "semicolons.csv"])
def test_tables_are_read_as_in_training(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    if name.endswith("parquet"):
        table().to_parquet(file, index=False)
    else:
        table().to_csv(file, index=False, sep=";" if name.startswith("semi") else ",")
    found = product_inputs.read_inputs(file, TABLE)
    assert list(found) == ["rooms", "town"]
    np.testing.assert_array_equal(found["rooms"], np.array([[1], [2.5], [np.nan]], np.float32))
    assert found["town"].tolist() == [["Rome"], [""], [""]]
    assert sessions.predict(TABLE, found).shape == (3, 1)


def test_numbers_as_categories_are_the_same_text_as_in_training(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("town,rooms\n1,2\n,3\n3,4\n")  # with a hole, pandas makes decimals of them
    assert product_inputs.read_inputs(file, TABLE)["town"].tolist() == [["1"], [""], ["3"]]


def test_tables_without_what_the_model_takes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    table().rename(columns={"rooms": "room"}).to_csv(file, index=False)
    with pytest.raises(InputError, match=r"rooms.*nearest valid choice: room"):
        product_inputs.read_inputs(file, TABLE)
    table().assign(rooms=["one", "two", "three"]).to_csv(file, index=False)
    with pytest.raises(InputError, match=r"'rooms'.*must hold numbers"):
        product_inputs.read_inputs(file, TABLE)
    (tmp_path / "a.txt").write_text("town,rooms\n")
    with pytest.raises(InputError, match=r"must be a \.csv or \.parquet table"):
        product_inputs.read_inputs(tmp_path / "a.txt", TABLE)
    (tmp_path / "a.parquet").write_text("no parquet")
    with pytest.raises(InputError, match="must be a Parquet file"):
        product_inputs.read_inputs(tmp_path / "a.parquet", TABLE)
