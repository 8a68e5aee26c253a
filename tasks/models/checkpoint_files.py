"""Checkpoint files: reading what a torch or safetensors file holds, without executing anything of it."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

from tasks.core import InputError, nearest_choice
from tasks.models.factory import _first_line
from tasks.models.file_forms import is_estimator_file, refuse_form

ADVICE = "a file saved by torch.save(network.state_dict(), PATH)"
"""What a user can save instead of a file that holds no state dict."""

HEAD = 1 << 22
"""Bytes at the start of a file in which its form is looked for."""


def read_checkpoint(path: Path) -> Any:
    """What a file holds: tensors on the CPU, in dictionaries and lists as they were saved.

    Raises:
        InputError: the file is missing, contains code, is of another form (the message says which), or is broken.
    """
    if not path.is_file():
        beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest_choice(path.name, beside)
        choice = near and str(path.parent / near)
        raise InputError("names a file that does not exist", path="model.weights", value=str(path), nearest=choice)
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if _is_safetensors(path, head):
        return _read_safetensors(path)
    if is_estimator_file(path, head):
        refuse_form(path, "model.weights")
    _refuse_other_forms(path, head)
    return _read_torch(path, head)


def _read_torch(path: Path, head: bytes) -> Any:
    """The content of a torch file, read with `weights_only`.

    Raises:
        InputError: the file contains code or is no torch file.
    """
    import pickle

    import torch

    place = {"file": str(path), "path": "model.weights"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of what the errors below report
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if _is_network(path, head):
            law = "must hold tensors only, but it is a pickled network, which is code and never executed"
            raise InputError(law, nearest=ADVICE, **place) from error
        raise InputError(
            "must hold tensors only, but it is a pickle with code (or no torch file), which is never executed",
            **place,
        ) from error
    except Exception as error:  # torch's reader fails in any way on a file that is not its own
        cause = _first_line(error)
        cause = type(error).__name__ if "weights_only" in cause else cause  # torch's advice is to execute the file
        raise InputError(f"is not a readable torch file ({cause})", **place) from error


def _read_safetensors(path: Path) -> Any:
    """The tensors of a safetensors file. Raises InputError when it is broken."""
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except Exception as error:  # its reader has a class of its own, and passes on those of the system
        law = f"is not a readable safetensors file ({_first_line(error)})"
        raise InputError(law, file=str(path), path="model.weights") from error


def _is_safetensors(path: Path, head: bytes) -> bool:
    """Whether a file is named so, or begins with the length of a JSON object and this object."""
    return path.suffix == ".safetensors" or (head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 27)


def _refuse_other_forms(path: Path, head: bytes) -> None:
    """Raises InputError for a file whose first bytes or members say that it is no torch file of tensors."""
    form, advice = None, ADVICE
    if path.suffix == ".onnx" or (head[:1] == b"\x08" and head[2:3] in (b"\x12", b":")):  # its version, then a text
        form, advice = "an ONNX file", f"model.file, which takes ONNX files, or {ADVICE}"
    elif head.startswith(b"\x89HDF"):
        form = "an HDF5 file"
    elif head.startswith(b"\x93NUMPY"):
        form = "a NumPy array"
    elif head.startswith(b"PK"):
        form = _form_of_archive(_members(path))
    if form is not None:
        law = "must hold a state dict (names to tensors)"
        raise InputError(law, file=str(path), path="model.weights", value=form, nearest=advice)


def _form_of_archive(members: list[str]) -> str | None:
    """What a zip archive is that torch does not read as tensors; None when nothing speaks against them."""
    inner = [name.partition("/")[2] for name in members]
    if any(name.startswith("code/") or name == "constants.pkl" for name in inner):
        return "a TorchScript archive, which is code and never executed"
    if "archive_format" in inner:
        return "an archive of torch.export"
    if members and all(name.endswith(".npy") for name in members):
        return "a NumPy archive"
    return None


def _members(path: Path) -> list[str]:
    """The names in a zip archive; none when it is broken."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return []


def _is_network(path: Path, head: bytes) -> bool:
    """Whether a pickle has the fields of a `torch.nn.Module`, by its bytes alone."""
    pickled = head
    for name in _members(path):
        if name.endswith("/data.pkl"):
            with zipfile.ZipFile(path) as archive, archive.open(name) as stream:
                pickled = stream.read(HEAD)
    return all(field in pickled for field in (b"_parameters", b"_buffers", b"_modules"))
