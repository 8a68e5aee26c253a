"""Depth pruning: whole residual blocks go, those whose loss hurts least."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from tasks.core import InputError, Refusal
from tasks.techniques.base import Batches, Lowers, Searched, Technique
from tasks.techniques.layer_names import check_names, example_of, is_under

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.graph.residual_blocks import ResidualBlock
    from tasks.kernels.latency.network_timer import NetworkTimer
    from tasks.kernels.pruning.block_search import BlockSearch, Removal

SHARE = 0.3
"""Share of the removable blocks that go when no knob says how many."""


class Blocks(Technique):
    """Removes whole residual blocks, so that the identity stands in their place, and with them their operators.

    How: the network's graph says which parts are blocks: called once, one tensor to one of the same shape, with a
    path past their weights through an addition. (Behind a block that rectifies its sum, the input of the next is
    already rectified, so there, too, the identity is what remains.) One block after the other goes, the one that
    moves the network's outputs least with the earlier ones gone; a try runs only what lies behind the block. Batch
    norms use the statistics of the examples meanwhile, as they would after recalibration. With `speedup`, each kind
    of block is timed on this host, the harm counts per millisecond, and the clock has the last word.

    Papers: Veit et al. 2016 "Residual Networks Behave Like Ensembles of Relatively Shallow Networks"; Kim et al.
    2024 "Shortened LLaMA" (blocks by the measured harm of their absence).

    Measured (CIFAR-10, 2-core Xeon with AVX-512 VNNI, ONNX Runtime 1.31; paired differences in points on 5,000
    validation images with 95 % intervals, after recalibration of the batch norms and no training): ResNet-44
    (88.3 %, 19 removable blocks) without 3, 5, 7, 9, 11 of them: -3.3 ± 0.8, -6.6 ± 0.9, -10.6 ± 1.1, -15.7 ± 1.2,
    -23.0 ± 1.4; ResNet-20 (86.3 %, 7 blocks) without 1, 2: -4.4 ± 0.9, -9.6 ± 1.1. Speed against the float file
    (batch 1, three processes on a busy machine, 95 %): ResNet-44 without 11 blocks 2.15 (2.03 to 2.27), with int8
    on top 4.91 (4.79 to 5.04), int8 alone 2.26 (1.97 to 2.59); ResNet-20 without 1, 2, 3 blocks 1.13 (1.06 to
    1.21), 1.35 (1.26 to 1.44), 1.52 (1.47 to 1.56). The search takes about 33 s of one core for 9 of ResNet-44's
    19 blocks, and finds those that trying all of them in every step finds.

    With `recover` and int8 (5,000 test images, five processes): ResNet-44 without 7 blocks after two epochs 3.27
    (3.04 to 3.52) times as fast, 0.56 points lost (-0.10 to 1.23), int8 alone 2.2; ResNet-20 without 2 blocks after
    four epochs 2.75 (2.67 to 2.83), 1.04 points lost (0.37 to 1.72), int8 alone 2.10.

    When it did not help: without training afterwards, never; `recover` must follow. With the running statistics
    of the whole network instead of those of the examples, the search chose blocks that left 58.9 % instead of
    73.8 % (9 of 19, 2,000 images). The blocks' times, added up, promised 2.75 where the clock said 2.16, so the
    prediction only says when to start timing. Blocks that change the shape stay, and so does what torch's
    TransformerEncoder calls, since its layers are no parts of the graph.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ("macs", "bytes")
    searched: ClassVar[Searched | None] = {"share": {"uniform": (0.1, 0.7)}}

    step: Literal["blocks"] = "blocks"
    speedup: float | None = Field(default=None, gt=1, le=100)
    """How many times as fast the float network shall run on this host; blocks go until the clock says so."""
    remove: int | None = Field(default=None, ge=1)
    """How many blocks go."""
    share: float | None = Field(default=None, gt=0, lt=1)
    """Share of the removable blocks that goes, at least one of them; 0.3 when none of the three is given."""
    ignore: tuple[str, ...] = ()
    """Blocks, or parts of the network, that stay."""
    examples: int = Field(default=256, ge=16, le=100_000)
    """Calibration examples that the harm is measured on, at most."""

    @model_validator(mode="after")
    def _one_goal(self) -> Blocks:
        given = [name for name in ("speedup", "remove", "share") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(InputError(f"{' and '.join(given)} exclude each other: give one of them"))
        return self

    @property
    def asks_host(self) -> bool:  # type: ignore[override]
        """Only a goal of speed is measured."""
        return self.speedup is not None

    def plan(self, model: nn.Module, batches: Batches) -> dict[str, Any]:
        """Which blocks go, in order: `{"removed": [name], "harm": [nats], "left": [name], "left_alone": {name: why}}`.

        `harm` is the divergence from the whole network's outputs after each removal (mean squared difference where
        the targets are numbers). With `speedup` also `block_ms` by name, `whole_ms`, and the speed-ups `predicted`
        from them and `measured`.

        Raises:
            InputError: `ignore` names what is not there, or there are no batches.
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
        """The model with the identity in the place of each removed block."""
        from tasks.kernels.graph import residual_blocks

        return residual_blocks.remove(model, plan["removed"])

    def _search(self, model: nn.Module, batches: Batches) -> tuple[BlockSearch, list[ResidualBlock], dict[str, str]]:
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
        """The first examples, and whether the targets are numbers."""
        import torch

        from tasks.kernels.graph import tracing

        inputs = torch.cat([inputs for inputs, _ in batches])[: self.examples]
        return tracing.to_device_of(model, inputs), torch.as_tensor(batches[0][1]).is_floating_point()

    def _count(self, blocks: list[ResidualBlock]) -> int:
        count = self.remove or max(1, round((self.share or SHARE) * len(blocks)))
        if count > len(blocks):
            names = f"from {blocks[0].name} to {blocks[-1].name}"
            raise Refusal(f"blocks: {count} blocks cannot go, for there are only {len(blocks)}, {names}")
        return count

    @staticmethod
    def _first(removals: Iterator[Removal], count: int) -> list[Removal]:
        return [removal for _, removal in zip(range(count), removals, strict=False)]

    def _until_fast(
        self, search: BlockSearch, blocks: list[ResidualBlock], model: nn.Module, example: Tensor
    ) -> tuple[list[Removal], dict[str, Any]]:
        """Removes what the blocks' times say is enough, then one after the other until the clock agrees."""
        from tasks.kernels.graph.residual_blocks import remove

        stopwatch, goal = _stopwatch(model, example), float(self.speedup or 1)
        whole, times = _block_times(stopwatch, model, blocks)
        chosen: list[Removal] = []
        predicted = measured = 1.0
        for removal in search.removals(times):
            chosen.append(removal)
            saved = sum(times[each.name] for each in chosen)
            predicted = whole / max(whole - saved, 1e-6)
            if predicted < goal and len(chosen) < len(blocks):
                continue
            measured = stopwatch.speedup(remove(model, [each.name for each in chosen]))
            if measured >= goal:
                break
        if measured < goal:
            raise Refusal(
                f"blocks: {goal:g} times as fast is out of reach: without all {len(blocks)} blocks, from "
                f"{blocks[0].name} to {blocks[-1].name}, the network is {measured:.2f} times as fast"
            )
        return chosen, {"block_ms": times, "whole_ms": whole, "predicted": predicted, "measured": measured}


def _stopwatch(model: nn.Module, example: Tensor) -> NetworkTimer:
    from tasks.kernels.latency.network_timer import NetworkTimer, NotConvertibleError

    try:
        return NetworkTimer(model, example)
    except NotConvertibleError as error:
        raise Refusal(f"blocks: {error}") from error


def _block_times(
    stopwatch: NetworkTimer, model: nn.Module, blocks: list[ResidualBlock]
) -> tuple[float, dict[str, float]]:
    """Milliseconds of the whole network and of each block.

    A block's time is what the network saves without all blocks of its kind, over their number: what a block costs
    among its neighbours, and more than the clock's noise.
    """
    from tasks.kernels.graph.residual_blocks import remove

    kinds: dict[str, list[str]] = {}
    for block in blocks:
        kinds.setdefault(block.kind, []).append(block.name)
    whole, speedups = stopwatch.speedups({kind: remove(model, names) for kind, names in kinds.items()})
    saved = {kind: whole * (1 - 1 / speedups[kind]) / len(names) for kind, names in kinds.items()}
    return whole, {block.name: max(1e-6, saved[block.kind]) for block in blocks}
