"""Checkpoints: what goes in comes out, and nothing else is believed."""

from __future__ import annotations

import pickle

import pytest
import torch

from tasks.kernels.training.checkpoints import CheckpointMismatch, fingerprint, pack_checkpoint, unpack

CPU = torch.device("cpu")
OURS, THEIRS = "a" * 64, "b" * 64


def test_what_goes_in_comes_out() -> None:
    content = {"weights": {"w": torch.arange(6.0).view(2, 3)}, "curve": [{"loss": None, "seconds": 0.25}]}
    back = unpack(OURS, pack_checkpoint(OURS, content), CPU)
    assert torch.equal(back["weights"]["w"], content["weights"]["w"])
    assert back["curve"] == content["curve"]


def test_half_altered_empty_and_foreign_bytes_are_told_apart() -> None:
    data = pack_checkpoint(OURS, {"w": torch.zeros(3)})
    altered = data[:-1] + bytes([data[-1] ^ 1])
    for broken in (data[: len(data) // 2], altered, b"", b"anything at all"):
        with pytest.raises(CheckpointMismatch, match="half-written or altered"):
            unpack(OURS, broken, CPU)
    with pytest.raises(CheckpointMismatch, match="another training"):
        unpack(THEIRS, data, CPU)


def test_pickled_code_does_not_run() -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("code from a checkpoint ran",))

    with pytest.raises(pickle.UnpicklingError, match="Weights only"):
        unpack(OURS, pack_checkpoint(OURS, {"bomb": Bomb()}), CPU)


def test_a_fingerprint_sees_values_and_not_their_layout() -> None:
    weights = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    assert fingerprint(weights) == fingerprint(weights.contiguous(memory_format=torch.channels_last))
    other = weights.clone()
    other[0, 0, 0, 0] += 1e-6
    assert fingerprint(weights) != fingerprint(other)
    assert fingerprint(torch.tensor(1.0, dtype=torch.bfloat16)) != fingerprint(torch.tensor(2.0))
