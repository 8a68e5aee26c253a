"""Checkpoint files: nothing in them is executed, and what is no checkpoint is named for what it is."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support import models
from torch import nn

from tasks.core import InputError
from tasks.models.checkpoint_files import read_checkpoint

ADVICE = r"; nearest valid choice: .*torch\.save\(network\.state_dict\(\), PATH\)$"


class Trap:
    """A pickle that leaves a file behind when it is opened."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.place,)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "weights.pt"


@pytest.mark.parametrize("form", ["plain pickle", "torch", "old torch"])
def test_code_never_runs(form: str, file: Path) -> None:
    sprung = file.with_name("sprung")
    content = {"weight": torch.zeros(2), "extra": Trap(sprung)}
    if form == "plain pickle":
        file.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(InputError, match=r"weights\.pt: model\.weights: must hold tensors only.*never executed$"):
        read_checkpoint(file)
    assert not sprung.exists()


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: {"epoch": 3, "model": net}])
def test_a_pickled_network_is_named(is_zip: bool, wrap: Any, file: Path) -> None:
    torch.save(wrap(models.build()), file, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(InputError, match="it is a pickled network, which is code and never executed" + ADVICE):
        read_checkpoint(file)


def scripted(file: Path) -> None:
    torch.jit.script(models.build()).save(str(file))


def traced(file: Path) -> None:
    torch.jit.trace(models.build(), torch.zeros(1, 1, 8, 8)).save(str(file))


def onnx_file(file: Path) -> None:
    file.write_bytes(b"\x08\x0a\x12\x07pytorch\x1a\x032.9:\x02\x0a\x00")


def numpy_archive(file: Path) -> None:
    with file.open("wb") as stream:
        np.savez(stream, weight=np.zeros(2))


def exported(file: Path) -> None:
    with file.open("wb") as stream:
        torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), stream)


@pytest.mark.parametrize(
    ("make", "form"),
    [
        (scripted, "a TorchScript archive, which is code and never executed"),
        (traced, "a TorchScript archive, which is code and never executed"),
        (onnx_file, "an ONNX file"),
        (numpy_archive, "a NumPy archive"),
        (lambda file: np.save(file.open("wb"), np.zeros(2)), "a NumPy array"),
        (exported, "an archive of torch.export"),
        (lambda file: file.write_bytes(b"\x89HDF\r\n\x1a\n"), "an HDF5 file"),
    ],
)
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore::FutureWarning")
def test_other_forms_are_named(make: Any, form: str, file: Path) -> None:
    make(file)
    with pytest.raises(
        InputError, match=r"must hold a state dict \(names to tensors\), but got '" + form + "'" + ADVICE
    ):
        read_checkpoint(file)


def test_files_that_are_nothing(file: Path) -> None:
    with pytest.raises(InputError, match="names a file that does not exist"):
        read_checkpoint(file)
    torch.save(models.build().state_dict(), file)
    whole = file.read_bytes()
    for content in (b"", b"hello, these are no weights", whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"model\.weights: ") as caught:
            read_checkpoint(file)
        assert "weights_only" not in str(caught.value)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "no weights")
    with pytest.raises(InputError, match="is not a readable torch file"):
        read_checkpoint(file)


@pytest.mark.parametrize("name", ["model.safetensors", "model.bin"])
def test_safetensors_are_read(name: str, tmp_path: Path) -> None:
    state, file = models.build().state_dict(), tmp_path / name
    save_file(state, file)
    assert all(torch.equal(tensor, state[name]) for name, tensor in read_checkpoint(file).items())
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(InputError, match="is not a readable safetensors file"):
        read_checkpoint(file)
