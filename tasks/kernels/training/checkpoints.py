"""Checkpoints as bytes: the training's identity, a digest of the content, and the content, read without pickle."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import torch

_DIGITS = 64
"""Hexadecimal digits of a SHA-256. A checkpoint begins with two: the training's identity and the content's digest."""


class CheckpointMismatch(Exception):  # noqa: N818 - it is an answer, not a fault
    """The bytes are incomplete, altered, or from another training; the message says which."""


def pack_checkpoint(identity: str, content: dict[str, Any]) -> bytes:
    """The bytes of a checkpoint. `identity` is a SHA-256 in hexadecimal; `content` holds tensors, numbers and text."""
    stream = io.BytesIO()
    torch.save(content, stream)
    body = stream.getvalue()
    return (identity + hashlib.sha256(body).hexdigest()).encode() + body


def unpack(identity: str, data: bytes, device: torch.device) -> dict[str, Any]:
    """The content of a checkpoint, with tensors on `device`.

    Raises NotOurs, before anything is decoded, when the digest or the identity is wrong.
    """
    owner, digest, body = data[:_DIGITS], data[_DIGITS : 2 * _DIGITS], data[2 * _DIGITS :]
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise CheckpointMismatch("is half-written or altered")
    if owner != identity.encode():
        raise CheckpointMismatch("belongs to another training")
    content: dict[str, Any] = torch.load(io.BytesIO(body), map_location=device, weights_only=True)
    return content


def fingerprint(tensor: torch.Tensor) -> str:
    """SHA-256 (hexadecimal) of a tensor's values in logical order, independent of memory format and device."""
    plain = tensor.detach().cpu().contiguous().flatten()
    return hashlib.sha256(plain.view(torch.uint8).numpy().tobytes()).hexdigest()
