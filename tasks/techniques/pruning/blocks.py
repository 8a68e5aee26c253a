"""Depth pruning: removes the residual blocks whose removal changes the network's outputs least."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from tasks.core import InputError, Refusal
from tasks.techniques.base import Batches, Lowers, Searched, Technique
from tasks.techniques.layer_names import check_names, example_of, is_under
from tasks.techniques.quantization.int8 import Int8
from tasks.techniques.quantization.quantize_aware import QuantizeAware

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.graph.residual_blocks import ResidualBlock
    from tasks.kernels.latency.network_timer import NetworkTimer
    from tasks.kernels.pruning.block_search import BlockSearch, Removal

DEFAULT_SHARE = 0.3
"""Share of the removable blocks that is removed when no knob says how many."""
EIGHT_BITS = (Int8, QuantizeAware)
"""Steps after which the network runs in eight bits."""


class Blocks(Technique):
    """Removes whole residual blocks; the identity stands in the place of each.

    The block whose removal changes the network's outputs least goes first, then the next with that one gone. With
    `speedup`, blocks are timed on this host, in eight bits where int8 or quantize_aware follows. Papers: Veit et al.
    2016 "Residual Networks Behave Like Ensembles of Relatively Shallow Networks"; Kim et al. 2024 "Shortened LLaMA".

    Needs a network that can be traced, and `recover` afterwards. Refuses a network that has no removable block or
    too few of them, and a speed-up that is out of reach. Leaves alone blocks that change the shape, and what
    torch's TransformerEncoder calls.

    Card: docs/techniques/blocks.md.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ("macs", "bytes")
    searched: ClassVar[Searched | None] = {"share": {"uniform": (0.1, 0.7)}}
    searched_further: ClassVar[Searched | None] = {"remove": {"integers": (1, 4)}}

    step: Literal["blocks"] = "blocks"
    speedup: float | None = Field(default=None, gt=1, le=100)
    """How many times as fast the network shall run on this host as before this step, both as `timed` says."""
    remove: int | None = Field(default=None, ge=1)
    """How many blocks are removed."""
    share: float | None = Field(default=None, gt=0, lt=1)
    """Share of the removable blocks that is removed, at least one; 0.3 without `speedup`, `remove` and `share`."""
    timed: Literal["float", "int8"] | None = Field(default=None, exclude_if=lambda form: form is None)
    """The numbers in which networks are timed for `speedup`. Absent: `int8` where `int8` or `quantize_aware` follows in
    the branch, because blocks that take the same time in float may differ there; else `float`."""
    ignore: tuple[str, ...] = ()
    """Blocks, or parts of the network, that stay."""
    examples: int = Field(default=256, ge=16, le=100_000)
    """Calibration examples on which the change of the outputs is measured, at most."""

    @model_validator(mode="after")
    def _one_goal(self) -> Blocks:
        given = [name for name in ("speedup", "remove", "share") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(InputError(f"{' and '.join(given)} exclude each other: give one of them"))
        if self.timed is not None and self.speedup is None:
            raise ValueError(InputError("needs speedup: without it nothing is timed", path="timed", value=self.timed))
        return self

    @property
    def asks_host(self) -> bool:  # type: ignore[override]
        """Whether a speed-up is asked for: only then is anything timed."""
        return self.speedup is not None

    def for_branch(self, later: Sequence[Technique]) -> Blocks:
        """With `timed: int8` where a later step makes the network run in eight bits, unless it was set."""
        if self.speedup is None or self.timed is not None or not any(isinstance(step, EIGHT_BITS) for step in later):
            return self
        return self.model_copy(update={"timed": "int8"})

    def plan(self, model: nn.Module, batches: Batches) -> dict[str, Any]:
        """The blocks to remove, in order: `{"removed", "harm", "left", "left_alone": {block: why}}`.

        `removed` and `left` are lists of names. `harm[i]` is the divergence from the whole network's outputs after
        removal i: nats per example, or the mean squared difference where the targets are numbers. With `speedup`
        also `block_ms` ({name: milliseconds}), `whole_ms`, and the speed-ups `predicted` from them and `measured`.

        Args:
            model: the network, in any mode.
            batches: pairs of inputs (count, ...) and targets (count, ...).

        Raises:
            InputError: `ignore` names a part that the network does not have, or there are no batches.
            Refusal: the network cannot be traced, has no removable block or too few, or cannot get so fast.
        """
        check_names(model, self.ignore)
        search, blocks, left_alone = self._search(model, batches)
        if self.speedup is not None:
            chosen, found = self._until_fast(search, blocks, model, example_of(batches))
        else:
            chosen, found = self._first(search.removals(), self._count(blocks)), {}
        removed = [removal.name for removal in chosen]
        if not isfinite(sum(removal.harm for removal in chosen)):
            raise Refusal(f"blocks: the outputs of the network {type(model).__name__} are not finite")
        return {
            "removed": removed,
            "harm": [removal.harm for removal in chosen],
            "left": [block.name for block in blocks if block.name not in removed],
            "left_alone": left_alone,
            **found,
        }

    def apply(self, model: nn.Module, plan: dict[str, Any]) -> nn.Module:
        """A copy of the model with the identity in the place of each block in the plan's `removed`."""
        from tasks.kernels.graph import residual_blocks

        return residual_blocks.remove(model, plan["removed"])

    def finest(self, plan: dict[str, Any]) -> dict[str, float]:
        """One block: a step of `share` is one of the removable blocks."""
        return {"share": 1 / (len(plan["removed"]) + len(plan["left"]))}

    def own_words(self, plan: dict[str, Any]) -> str:
        """The removed blocks by name, and how many removable ones are left."""
        return f"without {', '.join(plan['removed'])}; {len(plan['left'])} removable blocks left"

    def _search(self, model: nn.Module, batches: Batches) -> tuple[BlockSearch, list[ResidualBlock], dict[str, str]]:
        """The search, the blocks that it may remove, and the other blocks, each with the reason."""
        from tasks.kernels.graph import residual_blocks, tracing
        from tasks.kernels.pruning import block_search

        example = example_of(batches).clone()  # a network may write into its input
        try:
            traced = tracing.trace(model, example)
        except tracing.TraceError as error:
            raise Refusal(f"blocks: {error}") from error
        found, left_alone = residual_blocks.find_blocks(traced, model, example)
        blocks = [block for block in found if not is_under(block.name, self.ignore)]
        left_alone.update({block.name: "ignored" for block in found if is_under(block.name, self.ignore)})
        if not blocks:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in list(left_alone.items())[:5])
            raise Refusal(
                f"blocks: the network {type(model).__name__} has no residual block that could go"
                + (f": {reasons}" if reasons else "")
            )
        inputs, numbers = self._calibration(model, batches)
        return block_search.BlockSearch(traced, blocks, inputs, numbers), blocks, left_alone

    def _calibration(self, model: nn.Module, batches: Batches) -> tuple[Tensor, bool]:
        """The inputs (count, ...) of at most `examples` examples, and whether the targets are numbers, not classes."""
        import torch

        from tasks.kernels.graph import tracing

        inputs = torch.cat([inputs for inputs, _ in batches])[: self.examples]
        return tracing.to_device_of(model, inputs), torch.as_tensor(batches[0][1]).is_floating_point()

    def _count(self, blocks: list[ResidualBlock]) -> int:
        """How many blocks are to be removed. Raises Refusal when there are fewer."""
        count = self.remove or max(1, round((self.share or DEFAULT_SHARE) * len(blocks)))
        if count > len(blocks):
            names = f"from {blocks[0].name} to {blocks[-1].name}"
            raise Refusal(f"blocks: {count} blocks cannot go, for there are only {len(blocks)}, {names}")
        return count

    @staticmethod
    def _first(removals: Iterator[Removal], count: int) -> list[Removal]:
        """The first `count` removals; computes no further one."""
        return [removal for _, removal in zip(range(count), removals, strict=False)]

    def _until_fast(
        self, search: BlockSearch, blocks: list[ResidualBlock], model: nn.Module, example: Tensor
    ) -> tuple[list[Removal], dict[str, Any]]:
        """The removals that reach `speedup`, and what was measured for them.

        As many blocks as the sum of their times asks for, then one more at a time until the whole network, timed
        without them, is fast enough. Raises Refusal when it is not even without all of them.
        """
        from tasks.kernels.graph.residual_blocks import remove

        timer, goal = _network_timer(model, example, self.timed == "int8"), float(self.speedup or 1)
        whole, times = _block_times(timer, model, blocks)
        chosen: list[Removal] = []
        predicted = measured = 1.0
        for removal in search.removals(times):
            chosen.append(removal)
            saved = sum(times[each.name] for each in chosen)
            predicted = whole / max(whole - saved, 1e-6)
            if predicted < goal and len(chosen) < len(blocks):
                continue
            measured = timer.speedup(remove(model, [each.name for each in chosen]))
            if measured >= goal:
                break
        if measured < goal:
            raise Refusal(
                f"blocks: {goal:g} times as fast is out of reach: without all {len(blocks)} blocks, from "
                f"{blocks[0].name} to {blocks[-1].name}, the network is {measured:.2f} times as fast"
            )
        return chosen, {"block_ms": times, "whole_ms": whole, "predicted": predicted, "measured": measured}


def _network_timer(model: nn.Module, example: Tensor, quantized: bool) -> NetworkTimer:
    """The timer of the network on this host. Raises Refusal when the network cannot be converted to ONNX."""
    from tasks.kernels.latency.network_timer import NetworkTimer, NotConvertibleError
    from tasks.kernels.onnx_passes.int8_variants import usual_variant

    inputs = {"input": example.detach().cpu().float().numpy()}
    try:
        return NetworkTimer(model, example, partial(usual_variant, inputs=inputs) if quantized else bytes)
    except NotConvertibleError as error:
        raise Refusal(f"blocks: {error}") from error


def _block_times(timer: NetworkTimer, model: nn.Module, blocks: list[ResidualBlock]) -> tuple[float, dict[str, float]]:
    """Milliseconds of the whole network, and of each block by name.

    The network is timed without all blocks of one kind at once; a block's time is the time saved, divided by their
    number. One block alone would save too little to be measured.
    """
    from tasks.kernels.graph.residual_blocks import remove

    kinds: dict[str, list[str]] = {}
    for block in blocks:
        kinds.setdefault(block.kind, []).append(block.name)
    whole, speedups = timer.speedups({kind: remove(model, names) for kind, names in kinds.items()})
    saved = {kind: whole * (1 - 1 / speedups[kind]) / len(names) for kind, names in kinds.items()}
    return whole, {block.name: max(1e-6, saved[block.kind]) for block in blocks}
