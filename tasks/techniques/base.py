"""The interface of every compression technique: `plan` decides what to change, `apply` changes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from tasks.core import Goal, Spec

Lowers = Literal["macs", "nonzero", "bytes", "latency"]
Batches = Sequence[tuple[Any, Any]]
"""Pairs (inputs, targets). For the form `torch`: float tensors as the network sees them, and target tensors.
For the form `onnx`: dictionaries of raw numpy arrays by input name, and target arrays."""
Searched = Mapping[str, Mapping[str, Any]]
"""Knobs and their domains, as a search space writes them."""


class Technique(Spec, ABC):
    """A compression technique: its knobs as frozen fields, and the methods `plan` and `apply`.

    A subclass declares its tag as the field `step: Literal["tag"] = "tag"`, sets the class attributes below, and
    implements `plan` and `apply`. The other methods have defaults that suit a technique without special needs.
    """

    version: ClassVar[int]
    """Raised by one when the behaviour changes; it is part of every cache key and lineage."""
    form: ClassVar[Literal["torch", "onnx"]]
    """What `model` is: a `torch.nn.Module`, or the bytes of an ONNX file."""
    lowers: ClassVar[tuple[Lowers, ...]]
    """What the technique promises to lower."""
    asks_host: ClassVar[bool] = False
    """Whether `plan` measures on this host: then the host is part of the plan's cache key."""
    way_out: ClassVar[str] = ""
    """What a user may do when the technique's file answers unlike its parent; the refusal ends with it."""
    searched: ClassVar[Searched | None] = None
    """The knobs, each with its domain, that a search varies by default; None: no search uses the technique."""
    searched_further: ClassVar[Searched | None] = None
    """The same for a model that was reduced and recovered before; None: as `searched`."""

    @abstractmethod
    def plan(self, model: Any, batches: Batches) -> dict[str, Any]:
        """Decides what to change, and returns the decision as JSON. The model stays bit-identical.

        Args:
            model: a torch module, or the bytes of an ONNX file, as `form` says.
            batches: the calibration examples.

        Raises:
            Refusal: the technique cannot handle the model; the sentence names the layer.
        """

    @abstractmethod
    def apply(self, model: Any, plan: dict[str, Any]) -> Any:
        """A changed copy of the model; the model itself stays as it was. Deterministic, and needs no data.

        `plan` may come from a model of the same structure with other weights.
        """

    def finest(self, plan: dict[str, Any]) -> dict[str, float]:
        """The smallest change of a searched knob that changes what the technique does to the model of the plan.

        By default empty: every change may.
        """
        return {}

    def for_goal(self, goal: Goal) -> Self:
        """This technique with the knobs that were left to the recipe's goal. By default the technique itself."""
        return self

    def for_branch(self, later: Sequence[Technique]) -> Self:
        """This technique with the knobs that were left to the steps after it in its branch. By default itself."""
        return self

    def settled(self, plan: dict[str, Any]) -> Self:
        """This technique with its knobs fixed to the variants that the plan chose.

        A plan for a similar model on the same host then does not try the other variants again. By default the
        technique itself.
        """
        return self

    def summary(self, plan: dict[str, Any]) -> str:
        """The plan in a few words, for the report: the technique's own words, then those of `general_summary`."""
        return ", ".join(filter(None, (self.own_words(plan), general_summary(plan))))

    def own_words(self, plan: dict[str, Any]) -> str:
        """The technique's part of `summary`, such as "3 of 12 channels kept". By default empty."""
        return ""

    def kept(self, plan: dict[str, Any]) -> list[dict[str, Any]]:
        """The output channels that stay in each group of layers that the plan makes narrower. By default empty.

        Each entry holds `keep` (indices of the channels that stay), `of` (how many there were) and `places`
        ([layer, side, start, width]: channel c lies at `start + c * width`, `width` positions long).
        """
        return []


def general_summary(plan: dict[str, Any]) -> str:
    """The words for two keys that any technique's plan may have: `measured` (a speed-up) and `left_alone` (layers)."""
    words = []
    if isinstance(measured := plan.get("measured"), float):
        words.append(f"measured {measured:.2f}x as fast")
    if left := plan.get("left_alone"):
        words.append(f"{len(left)} layers left alone")
    return ", ".join(words)
