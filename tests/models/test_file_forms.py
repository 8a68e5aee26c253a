"""A file of another library is named by its content, with the ways out; pickles are never loaded."""

from __future__ import annotations

import pickle
import zipfile
import zlib
from pathlib import Path

import cloudpickle
import joblib
import pytest
from sklearn.linear_model import LogisticRegression

from tasks.core import InputError
from tasks.models.checkpoint_files import read_checkpoint
from tasks.models.file_forms import refuse_form


class Danger:
    """Its pickle would end the process."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return exit, (3,)


def packed(path: Path, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")


def write(kind: str, path: Path) -> None:
    if kind == "joblib":
        joblib.dump([LogisticRegression(), Danger()], path)
    elif kind == "compressed":
        path.write_bytes(zlib.compress(pickle.dumps(Danger()), 3))
    elif kind == "cloudpickle":
        path.write_bytes(cloudpickle.dumps(lambda: cloudpickle))
    elif kind == "old":
        path.write_bytes(pickle.dumps(Danger(), protocol=0))
    else:
        packed(path, "schema.json", "1.npy")


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("joblib", "m.joblib", r"is a pickle \(joblib\)"),
        ("compressed", "m.bin", r"is a pickle \(compressed, as joblib writes it\)"),
        ("cloudpickle", "m", r"is a pickle \(cloudpickle\)"),
        ("old", "m.pkl", r"is a pickle \(pickle\)"),
        ("skops", "m.zip", "is a skops file"),
    ],
)
def test_pickles_are_refused_with_the_ways_out(kind: str, name: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / name
    write(kind, path)
    ways = rf"{words}.*; nearest valid choice: the estimator through Python \(model\.factory.*save_model.*skl2onnx"
    with pytest.raises(InputError, match=rf"model\.file: {ways}"):
        refuse_form(path)


def test_an_estimator_is_no_file_of_weights(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps(LogisticRegression()))
    with pytest.raises(InputError, match=r"model\.weights: is a pickle .* through Python"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"CBM1 and more", r"is a model of CatBoost.*format='onnx'"),
        (b"<?xml version='1.0'?><PMML version='4.4'>", "is a PMML file.*skl2onnx"),
        (b"\x89HDF\r\n", "is an HDF5 file.*tf2onnx"),
        (b"\x1c\x00\x00\x00TFL3", "is a TensorFlow Lite file.*tf2onnx"),
        (b'{"name":"tree","tree_info":[]}', "is a dump of LightGBM.*save_model"),
        (("model.ini", "domains/d0.txt"), "is a MOJO of H2O"),
        (("config.json", "metadata.json", "model.weights.h5"), "is a Keras archive.*tf2onnx"),
        (("m/constants.pkl", "m/code/a.py", "m/data.pkl"), "is a TorchScript archive.*torch.onnx.export"),
        (("m/data.pkl", "m/data/0"), r"is a file of torch\.save.*model\.weights"),
    ],
)
def test_files_of_other_libraries(content: bytes | tuple[str, ...], words: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        packed(path, *content)
    with pytest.raises(InputError, match=words):
        refuse_form(path)


def test_other_files_pass(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x08\x08\x12\x00")
    refuse_form(tmp_path / "m.onnx")
    refuse_form(tmp_path / "absent.pkl")
