"""Candidate: the record of a model: how to build it, the steps applied to it, and the digest of its tensors."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from tasks.core.store import digest_of


@dataclass(frozen=True)
class Step:
    """One step in the history of a model."""

    technique: str
    """A technique's tag, or `train`, `load`, `recover`, `export`."""
    version: int
    knobs: dict[str, Any]
    plan: str | None
    """Digest of the technique's plan (JSON), which loading applies again; None for steps that only change weights."""
    record: str | None
    """Digest of the step's record (JSON): learning curve, minutes, parity of the hop."""
    parent: str | None
    """Digest of the candidate that the step was applied to."""


@dataclass(frozen=True)
class Candidate:
    """A model: `torch` (factory, then the plans of the lineage, then a state dict) or `onnx` (one file).

    Nothing in it is pickled code.
    """

    name: str
    """Name of the branch, for display; not part of the digest."""
    form: Literal["torch", "onnx"]
    factory: str
    """`module:callable`; empty for an imported ONNX file."""
    arguments: dict[str, Any]
    lineage: tuple[Step, ...]
    content: str
    """Digest of the state dict (torch) or of the file (onnx)."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all fields except the name: the candidate's identity."""
        fields = dataclasses.asdict(self)
        del fields["name"]
        return digest_of(fields)

    def after(self, step: Step, content: str, form: Literal["torch", "onnx"] | None = None) -> Candidate:
        """The candidate after `step`, with the digest `content` of its new tensors and, if given, its new form."""
        return dataclasses.replace(self, lineage=(*self.lineage, step), content=content, form=form or self.form)


def candidate_from(fields: dict[str, Any]) -> Candidate:
    """The candidate from its `dataclasses.asdict`."""
    return Candidate(**{**fields, "lineage": tuple(Step(**step) for step in fields["lineage"])})
