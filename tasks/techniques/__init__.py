"""The index of the techniques: a new one is one file and one name in `TECHNIQUES`.

The author of a plug-in finds here all that it needs: `Technique`, `Batches`, `Refusal` and `InputError`.
"""

from __future__ import annotations

import operator
from functools import reduce
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from tasks.core import InputError, Refusal, Spec, Step
from tasks.techniques.base import Batches, Technique, general_summary
from tasks.techniques.calibrate import Calibrate
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
from tasks.techniques.trees.fewer_trees import Trees
from tasks.techniques.trees.merged_leaves import Leaves

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
    Trees,
    Leaves,
    Calibrate,
)

TAGS: dict[str, type[Technique]] = {kind.model_fields["step"].default: kind for kind in TECHNIQUES}
"""The techniques by their tags."""


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
        ValidationError: a knob is wrong.
    """
    tag, knobs = step["step"], {name: value for name, value in step.items() if name != "step"}
    kind = TAGS[tag] if tag in TAGS else load_plugin(tag)
    return kind(**knobs)


def technique_of_step(step: Step) -> Technique:
    """The technique that a lineage's step was made with.

    Raises:
        InputError: there is no such technique any more.
        ValidationError: it no longer has these knobs.
    """
    return technique_of({"step": step.technique, **step.knobs})


def tag_of(technique: Technique) -> str:
    """The name from which `technique_of` finds the class again: a tag, or the import path of a plug-in."""
    kind = type(technique)
    tag = str(kind.model_fields["step"].default)
    return tag if TAGS.get(tag) is kind else f"{kind.__module__}:{kind.__qualname__}"


__all__ = [
    "TECHNIQUES",
    "Batches",
    "Blocks",
    "Calibrate",
    "Channels",
    "Clean",
    "Fp16",
    "InputError",
    "Int8",
    "Leaves",
    "LowRank",
    "Pack",
    "Plugin",
    "QuantizeAware",
    "Refusal",
    "Technique",
    "Trees",
    "WeightOnly",
    "Weights",
    "any_of",
    "general_summary",
    "tag_of",
    "technique_of",
    "technique_of_step",
]
