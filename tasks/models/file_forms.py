"""File forms: what a model's file is by its content, and what to do with one that cannot be taken. None is loaded."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tasks.core import InputError

HEAD = 1 << 16
"""Bytes at the start of a file in which its form is looked for."""
_TABLES = (
    "the estimator through Python (model.factory, docs/tables.md), the text of LightGBM's save_model, the JSON of "
    "XGBoost's save_model, or an ONNX file of skl2onnx"
)
_CODE = "is a pickle ({}), which is code and never executed"
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x04\x22\x4d\x18", b"\x5d\x00\x00")
"""Beginnings of compressed files, as joblib writes them; zlib's are told apart by their check sum."""
_PICKLES = (".pkl", ".pickle", ".joblib", ".jl", ".dill", ".cloudpickle", ".sav")


def refuse_form(file: str | Path, place: str = "model.file") -> None:
    """Refuses a file that is known to be no ONNX file and no booster.

    Args:
        file: its path; one that does not exist is let pass.
        place: its path in the recipe.

    Raises:
        InputError: it is a pickle in whatever form, or the file of another library; names the ways out.
    """
    path = Path(file)
    if not path.is_file():
        return
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    law = pickle_law(path, head)
    if law is not None:
        raise InputError(law, file=str(path), path=place, nearest=_TABLES)
    found = other_form(path, head)
    if found is not None:
        raise InputError(f"is {found[0]}, which is not read", file=str(path), path=place, nearest=found[1])


def pickle_law(path: Path, head: bytes) -> str | None:
    """What is wrong with a file that is a pickle of Python objects in whatever form; None for other files."""
    if head.startswith(b"PK") and "schema.json" in members(path):
        return "is a skops file, which holds Python objects and is not loaded"
    if len(head) > 1 and head[0] == 0x80 and head[1] <= 5 and head[:3] != b"\x80\x02\x8a":
        known = ("cloudpickle", "dill", "joblib")
        usual = path.suffix.lower().lstrip(".")
        writer = next((name for name in known if name.encode() in head), usual if usual in known else "pickle")
        return _CODE.format(writer)
    if _is_packed(head):
        return _CODE.format("compressed, as joblib writes it")
    if path.suffix.lower() in _PICKLES and head[:1] in (b"(", b"c", b"]", b"}", b"\x80"):
        return _CODE.format("pickle")
    return None


def _is_packed(head: bytes) -> bool:
    return head.startswith(_PACKED) or (head[:1] == b"\x78" and int.from_bytes(head[:2]) % 31 == 0)


def other_form(path: Path, head: bytes) -> tuple[str, str] | None:
    """(what a file is, what to give in its place) for files of other libraries; None for all others."""
    suffix, names = path.suffix.lower(), members(path) if head.startswith(b"PK") else []
    inner = {name.rpartition("/")[2] for name in names}
    onnx = "an ONNX file, which {} gives"
    forms = (
        (head.startswith(b"CBM1") or b'"oblivious_trees"' in head, "a model of CatBoost", "save_model(format='onnx')"),
        ("model.ini" in inner, "a MOJO of H2O", "LightGBM or XGBoost on the same table"),
        (b"<PMML" in head, "a PMML file", "skl2onnx, from the estimator that it was made of"),
        ("config.json" in inner and "metadata.json" in inner, "a Keras archive", "tf2onnx or keras.Model.export"),
        (head.startswith(b"\x89HDF"), "an HDF5 file, as Keras writes", "tf2onnx"),
        (head[4:8] == b"TFL3", "a TensorFlow Lite file", "tf2onnx --tflite"),
        ("constants.pkl" in inner, "a TorchScript archive", "torch.onnx.export"),
        ("data.pkl" in inner, "a file of torch.save", "torch.onnx.export; weights belong to model.weights"),
        (head.startswith(b"{") and b'"tree_info"' in head, "a dump of LightGBM", "onnxmltools; or save_model's text"),
        (suffix == ".pb" and head[:1] == b"\x0a", "a graph of TensorFlow", "tf2onnx"),
        (suffix == ".safetensors", "a file of weights", "torch.onnx.export; weights belong to model.weights"),
    )
    return next(((what, onnx.format(way)) for holds, what, way in forms if holds), None)


def members(path: Path) -> list[str]:
    """The names in a zip archive; none when it is broken."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return []


def is_estimator_file(path: Path, head: bytes) -> bool:
    """Whether a file holds an estimator, not the tensors of a network, by its name or its bytes alone."""
    if path.suffix.lower() in (".joblib", ".jl", ".dill", ".cloudpickle", ".skops") or "schema.json" in members(path):
        return True
    libraries = (b"sklearn", b"lightgbm", b"xgboost", b"catboost")
    is_pickle = head[:1] == b"\x80" or path.suffix.lower() in _PICKLES
    return _is_packed(head) or (is_pickle and any(name in head for name in libraries))
