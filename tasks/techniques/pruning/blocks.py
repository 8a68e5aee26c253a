"""Depth pruning: removes the residual blocks whose removal changes the network's outputs least."""

from __future__ import annotations

from collections.abc import Sequence
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
    from tasks.kernels.pruning.block_choice import BlockChoice

DEFAULT_SHARE = 0.3
"""Share of the removable blocks that is removed when no knob says how many."""
EIGHT_BITS = (Int8, QuantizeAware)
"""Steps after which the network runs in eight bits."""


class Blocks(Technique):
    """Removes whole residual blocks; the identity stands in the place of each.

    Those go whose absence changes the network's outputs least once its other layers were fitted in closed form. With
    `speedup`, blocks are timed on this host, in eight bits where int8 or quantize_aware follows. Papers: Veit et al.
    2016 "Residual Networks Behave Like Ensembles of Relatively Shallow Networks"; Kim et al. 2024 "Shortened LLaMA".

    Needs a network that can be traced, and `recover` afterwards. Refuses a network that has no removable block or
    too few of them, and a speed-up that is out of reach. Leaves alone blocks that change the shape, and what
    torch's TransformerEncoder calls.

    Card: docs/techniques/blocks.md.
    """

    version: ClassVar[int] = 2
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ("macs", "bytes")
    searched: ClassVar[Searched | None] = {"share": {"uniform": (0.1, 0.7)}}

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
    """Calibration examples with which the change of the outputs is measured, at most."""

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
        """The blocks to remove: `{"removed", "left", "harm", "together", "left_alone": {block: why}}`.

        `removed`, in the order of the choice, and `left` are lists of names. `harm` ({name: divergence}) is how far the
        outputs are from the whole network's without each block alone, after the fit, and `together` without all of
        `removed`: nats per example, or the mean squared difference where the targets are numbers. With `speedup` also
        `block_ms` ({name: milliseconds}), `whole_ms`, and the speed-ups `predicted` from them and `measured`.

        Args:
            model: the network, in any mode.
            batches: pairs of inputs (count, ...) and targets (count, ...).

        Raises:
            InputError: `ignore` names a part that the network does not have, or there are no batches.
            Refusal: the network cannot be traced, has no removable block or too few, or cannot get so fast.
        """
        check_names(model, self.ignore)
        blocks, left_alone = self._blocks(model, example_of(batches))
        count, choice = self._count(blocks), self._choice(model, batches, blocks)
        harm = {block.name: choice.harm([block.name]) for block in blocks}
        if not isfinite(sum(harm.values())):
            raise Refusal(f"blocks: the outputs of the network {type(model).__name__} are not finite")
        if self.speedup is not None:
            removed, found = self._until_fast(choice, blocks, model, example_of(batches))
        else:
            removed, found = choice.choose(dict.fromkeys(harm, 1.0), count), {}
        left = [block.name for block in blocks if block.name not in removed]
        together = choice.harm(removed)
        return {"removed": removed, "left": left, "harm": harm, "together": together, "left_alone": left_alone, **found}

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

    def _blocks(self, model: nn.Module, example: Tensor) -> tuple[list[ResidualBlock], dict[str, str]]:
        """The blocks that may be removed, and the other blocks, each with the reason."""
        from tasks.kernels.graph import residual_blocks, tracing

        example = example.clone()  # a network may write into its input
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
        return blocks, left_alone

    def _choice(self, model: nn.Module, batches: Batches, blocks: Sequence[ResidualBlock]) -> BlockChoice:
        """The choice among the blocks by the harm of their absence, after the fit, on at most `examples` examples."""
        import torch

        from tasks.kernels.pruning.block_choice import BlockChoice
        from tasks.kernels.reconstruction.repaired_harm import RepairedHarm

        inputs = torch.cat([inputs for inputs, _ in batches])[: self.examples]
        numbers = torch.as_tensor(batches[0][1]).is_floating_point()
        return BlockChoice([block.name for block in blocks], RepairedHarm(model, inputs, numbers).without)

    def _count(self, blocks: list[ResidualBlock]) -> int:
        """How many blocks are to be removed. Raises Refusal when there are fewer."""
        count = self.remove or max(1, round((self.share or DEFAULT_SHARE) * len(blocks)))
        if count > len(blocks):
            names = f"from {blocks[0].name} to {blocks[-1].name}"
            raise Refusal(f"blocks: {count} blocks cannot go, for there are only {len(blocks)}, {names}")
        return count

    def _until_fast(
        self, choice: BlockChoice, blocks: Sequence[ResidualBlock], model: nn.Module, example: Tensor
    ) -> tuple[list[str], dict[str, Any]]:
        """The blocks of least harm whose times reach `speedup`, and what was measured.

        While the whole network, timed without them, is not fast enough, further ones follow. Raises Refusal when it is
        not even without all of them.
        """
        from tasks.kernels.graph.residual_blocks import remove

        timer, goal = _network_timer(model, example, self.timed == "int8"), float(self.speedup or 1)
        whole, times = _block_times(timer, model, blocks)
        removed = choice.choose(times, whole * (1 - 1 / goal))
        measured = timer.speedup(remove(model, removed))
        while measured < goal and len(removed) < len(blocks):
            removed = choice.extend(removed, times, whole * (1 / measured - 1 / goal))
            measured = timer.speedup(remove(model, removed))
        if measured < goal:
            raise Refusal(
                f"blocks: {goal:g} times as fast is out of reach: without all {len(blocks)} blocks, from "
                f"{blocks[0].name} to {blocks[-1].name}, the network is {measured:.2f} times as fast"
            )
        predicted = whole / max(whole - sum(times[name] for name in removed), 1e-6)
        return removed, {"block_ms": times, "whole_ms": whole, "predicted": predicted, "measured": measured}


def _network_timer(model: nn.Module, example: Tensor, quantized: bool) -> NetworkTimer:
    """The timer of the network on this host. Raises Refusal when the network cannot be converted to ONNX."""
    from tasks.kernels.latency.network_timer import NetworkTimer, NotConvertibleError
    from tasks.kernels.onnx_passes.int8_variants import usual_variant

    inputs = {"input": example.detach().cpu().float().numpy()}
    try:
        return NetworkTimer(model, example, partial(usual_variant, inputs=inputs) if quantized else bytes)
    except NotConvertibleError as error:
        raise Refusal(f"blocks: {error}") from error


def _block_times(
    timer: NetworkTimer, model: nn.Module, blocks: Sequence[ResidualBlock]
) -> tuple[float, dict[str, float]]:
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
