"""The index of the techniques: a new one is one file and one name here."""

from __future__ import annotations

import operator
from functools import reduce
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from tasks.core import Spec
from tasks.techniques.base import Batches, Technique
from tasks.techniques.clean import Clean
from tasks.techniques.low_rank import LowRank
from tasks.techniques.pack import Pack
from tasks.techniques.plugin import PLUGIN, Plugin, load_plugin
from tasks.techniques.pruning.blocks import Blocks
from tasks.techniques.pruning.channels import Channels
from tasks.techniques.pruning.weights import Weights
from tasks.techniques.quantization.fp16 import Fp16
from tasks.techniques.quantization.int8 import Int8
from tasks.techniques.quantization.quantize_aware import QuantizeAware
from tasks.techniques.quantization.weight_only import WeightOnly

TECHNIQUES: tuple[type[Technique], ...] = (
    Channels,
    Blocks,
    LowRank,
    Weights,
    QuantizeAware,
    Clean,
    Int8,
    Fp16,
    WeightOnly,
    Pack,
)

TAGS: dict[str, type[Technique]] = {kind.model_fields["step"].default: kind for kind in TECHNIQUES}


def any_of(*kinds: type[Spec]) -> Any:
    """The type of a recipe's step: one of `kinds` by its tag, or a user's technique by its import path."""
    tagged = [Annotated[kind, Tag(kind.model_fields["step"].default)] for kind in kinds]
    union = reduce(operator.or_, tagged, Annotated[Plugin, Tag(PLUGIN)])
    return Annotated[union, Discriminator(_tag)]


def _tag(value: Any) -> str | None:
    step = value.get("step") if isinstance(value, dict) else getattr(value, "step", None)
    return PLUGIN if isinstance(step, str) and ":" in step else step


def technique_of(step: dict[str, Any]) -> Technique:
    """The technique that a step's tag or import path and knobs describe.

    Raises:
        InputError: there is no such technique.
    """
    tag, knobs = step["step"], {name: value for name, value in step.items() if name != "step"}
    kind = TAGS[tag] if tag in TAGS else load_plugin(tag)
    return kind(**knobs)


def tag_of(technique: Technique) -> str:
    """What `technique_of` finds the class again by: its tag, or a user's import path."""
    kind = type(technique)
    tag = str(kind.model_fields["step"].default)
    return tag if TAGS.get(tag) is kind else f"{kind.__module__}:{kind.__qualname__}"


__all__ = [
    "TECHNIQUES",
    "Batches",
    "Blocks",
    "Channels",
    "Clean",
    "Fp16",
    "Int8",
    "LowRank",
    "Pack",
    "Plugin",
    "QuantizeAware",
    "Technique",
    "WeightOnly",
    "Weights",
    "any_of",
    "tag_of",
    "technique_of",
]
