"""The one interface of every compression technique: plan looks and decides, apply acts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from tasks.core import Spec

Lowers = Literal["macs", "nonzero", "bytes", "latency"]
Batches = Sequence[tuple[Any, Any]]
"""Pairs (inputs, targets). For the form `torch`: float tensors as the network sees them, and target tensors.
For the form `onnx`: dictionaries of raw numpy arrays by input name, and target arrays."""
Searched = Mapping[str, Mapping[str, Any]]
"""Knobs and their domains, as a space writes them."""


class Technique(Spec, ABC):
    """A frozen record of a technique's own knobs with two verbs.

    A subclass declares its tag as the field `step: Literal["tag"] = "tag"`, and the class attributes below.
    """

    version: ClassVar[int]
    """Bumped when the behaviour changes: it is part of every cache key and lineage."""
    form: ClassVar[Literal["torch", "onnx"]]
    """What `model` is: a `torch.nn.Module`, or the bytes of an ONNX file."""
    lowers: ClassVar[tuple[Lowers, ...]]
    """What the technique promises to lower."""
    asks_host: ClassVar[bool] = False
    """Whether `plan` measures on this host: then the host is part of the plan's cache key."""
    searched: ClassVar[Searched | None] = None
    """The knobs that a search turns when nobody says which, each with its domain; None keeps the technique out."""

    @abstractmethod
    def plan(self, model: Any, batches: Batches) -> dict[str, Any]:
        """Looks, measures, decides. Leaves the model bit-identical; the answer is JSON.

        Raises Refusal, naming the layer, for what the technique cannot handle.
        """

    @abstractmethod
    def apply(self, model: Any, plan: dict[str, Any]) -> Any:
        """Acts on a copy and returns it; the model that came in stays as it was. Needs no data; deterministic."""

    def settled(self, plan: dict[str, Any]) -> Self:
        """The same without the choices between variants that the plan made: what a plan for a like model, on the same
        host, need not try again. Here: the same."""
        return self
