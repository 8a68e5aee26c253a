"""A checkpoint as bytes: whose it is, a digest that proves it whole, and tensors read without pickles."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import torch

_DIGITS = 64
"""Hexadecimal digits of a SHA-256. A file begins with two: the owner's identity, the content's digest."""


class NotOurs(Exception):  # noqa: N818 - it is an answer, not a fault
    """The bytes are half-written, altered, or another training's; the message says which."""


def pack_checkpoint(identity: str, content: dict[str, Any]) -> bytes:
    """Bytes of a checkpoint. `identity` is a SHA-256 in hexadecimal, `content` tensors, numbers and text."""
    stream = io.BytesIO()
    torch.save(content, stream)
    body = stream.getvalue()
    return (identity + hashlib.sha256(body).hexdigest()).encode() + body


def unpack(identity: str, data: bytes, device: torch.device) -> dict[str, Any]:
    """The content of a checkpoint, tensors on `device`. Raises NotOurs before anything in it is decoded."""
    owner, digest, body = data[:_DIGITS], data[_DIGITS : 2 * _DIGITS], data[2 * _DIGITS :]
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise NotOurs("is half-written or altered")
    if owner != identity.encode():
        raise NotOurs("belongs to another training")
    content: dict[str, Any] = torch.load(io.BytesIO(body), map_location=device, weights_only=True)
    return content


def fingerprint(tensor: torch.Tensor) -> str:
    """SHA-256 of a tensor's values in logical order, whatever its memory format and device."""
    plain = tensor.detach().cpu().contiguous().flatten()
    return hashlib.sha256(plain.view(torch.uint8).numpy().tobytes()).hexdigest()
