"""Candidate: a model as it travels: how to build it, what was done to it, and the digest of its tensors."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from tasks.core.store import digest_of


@dataclass(frozen=True)
class Step:
    """One thing that was done to a model."""

    technique: str
    """A technique's tag, or `train`, `load`, `recover`, `export`."""
    version: int
    knobs: dict[str, Any]
    plan: str | None
    """Digest of the plan (JSON) that `apply` replays on load; None for steps that only change weights."""
    record: str | None
    """Digest of the step's record (JSON): learning curve, minutes, parity of the hop."""
    parent: str | None
    """Digest of the candidate that the step began from."""


@dataclass(frozen=True)
class Candidate:
    """A model: `torch` (factory, replayed plans, state dict) or `onnx` (one file). No pickled code anywhere."""

    name: str
    """The branch's name, for people; not part of the digest."""
    form: Literal["torch", "onnx"]
    factory: str
    """`module:callable`; empty for an ONNX file that came in."""
    arguments: dict[str, Any]
    lineage: tuple[Step, ...]
    content: str
    """Digest of the state dict (torch) or of the file (onnx)."""

    @cached_property
    def digest(self) -> str:
        """The candidate's identity: everything in it except its name."""
        fields = dataclasses.asdict(self)
        del fields["name"]
        return digest_of(fields)

    def after(self, step: Step, content: str, form: Literal["torch", "onnx"] | None = None) -> Candidate:
        """The candidate that `step` makes of this one."""
        return dataclasses.replace(self, lineage=(*self.lineage, step), content=content, form=form or self.form)


def candidate_from(fields: dict[str, Any]) -> Candidate:
    """The candidate whose `dataclasses.asdict` this is."""
    return Candidate(**{**fields, "lineage": tuple(Step(**step) for step in fields["lineage"])})
