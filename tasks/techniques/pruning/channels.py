"""Structured pruning: whole channels (or neurons) are cut out, so that every runtime computes less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from tasks.core import InputError, Refusal
from tasks.techniques.base import Batches, Lowers, Searched, Technique
from tasks.techniques.layer_names import check_names, example_of, is_under
from tasks.techniques.pruning import width_selection

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.graph.channel_groups import Group

HALF = 0.5
"""The sparsity where neither it nor a speed-up is given."""
OUTPUT = "its channels are the network's output"
"""The one reason to leave a layer alone that every network has."""


class Channels(Technique):
    """Removes the least important channels of convolutions and neurons of linear layers.

    How: the network's graph says which channels stand or fall together (residual additions, batch norms,
    concatenations, flattening); each such group is scored and thinned as one. A group that meets an
    operation that cannot be followed, the network's input or its output is left alone, and the plan says why.
    Before the plan is given, the cut network is compared with the same one that only ignores the channels. Norms
    over channels take their statistics from those that stay, so there, and only there, a cut changes what the others
    compute. Attention loses whole heads; torch's attention layers that lose something become plain layers.

    By `speedup`, what each layer takes at each admissible width is measured on this host, widths are chosen that
    lose the least importance for the most time, and the network is cut, converted and timed; the prediction is
    corrected, up to three times.

    Papers: Li et al. 2017 "Pruning Filters for Efficient ConvNets" (magnitude); Liu et al. 2017 "Learning
    Efficient Convolutional Networks through Network Slimming" (batch_norm); Molchanov et al. 2017 "Pruning
    Convolutional Neural Networks for Resource Efficient Inference" (taylor); He et al. 2019 "Filter Pruning via
    Geometric Median" (fpgm); Fang et al. 2023 "DepGraph"; Shen et al. 2021 "HALP: Hardware-Aware Latency Pruning".

    Measured: ResNet-20 on CIFAR-10 (86.4 %; 2,000 images, so within 2 points), `taylor`, batch-norm statistics
    recomputed and nothing trained, while other work ran on the host (2-core Xeon with AVX-512 VNNI, ONNX Runtime
    1.31, one process): goals of 1.3, 1.6 and 2.0 measured 1.35, 1.58 and 2.07 times, at 72, 49 and 22 %. The
    block there is 16: 24 channels take as long as 32, and a layer of 16 that makes 8 as long as one that makes 16.

    When it did not help: without training nothing of this is usable, and a thin network has little to give: at
    a width of 16 all that is left is below the block. Accuracy falls with the cut; `recover` after it is the usual
    next step. The graph is that of evaluation; a layer that only training runs (an auxiliary head) is refused,
    since what it reads is unknown.
    """

    version: ClassVar[int] = 2
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ("macs", "bytes")
    searched: ClassVar[Searched | None] = {
        "sparsity": {"uniform": (0.1, 0.75)},
        "importance": {"choice": ("magnitude", "taylor")},
    }

    step: Literal["channels"] = "channels"
    sparsity: float | None = Field(default=None, gt=0, lt=1)
    """Share of the channels to remove, of each group (`uniform`) or of all together (`global`). Absent: 0.5,
    unless `speedup` decides."""
    speedup: float | None = Field(default=None, gt=1, le=100)
    """How many times as fast the network shall run here, in ONNX Runtime on one example and one thread: widths
    are chosen for it, and measured. Instead of `sparsity`."""
    importance: Literal["magnitude", "batch_norm", "taylor", "fpgm"] = "magnitude"
    """magnitude: L2 norm of filters; batch_norm: scales; taylor: activation times gradient, on data; fpgm:
    distance to the other filters."""
    spread: Literal["uniform", "global"] = "uniform"
    """uniform: the same share of each group; global: the lowest scores anywhere, over their group's mean."""
    multiple: int | None = Field(default=None, ge=1, le=256)
    """Kept widths are multiples of it, at least one: the runtime computes channels in blocks of this size, and a
    cut within one saves no time. Groups narrower than two blocks go in fours. Absent: the block that is measured
    on this host, and of its multiples the widths that are measured to be faster (where the clock can tell)."""
    unfollowable: Literal["leave", "refuse"] = "leave"
    """What happens to layers whose channels cannot be followed: left alone with the reason, or refused by name."""
    ignore: tuple[str, ...] = ()
    """Layers, or parts of the network, whose output channels stay."""

    @model_validator(mode="after")
    def _one_goal(self) -> Channels:
        if self.sparsity is not None and self.speedup is not None:
            law = "must be absent where speedup is given: one of the two decides"
            raise ValueError(InputError(law, path="sparsity", value=self.sparsity))
        return self

    @property
    def asks_host(self) -> bool:  # type: ignore[override]
        """Unless a share and a block are given, times decide."""
        return self.speedup is not None or self.multiple is None

    def plan(self, model: nn.Module, batches: Batches) -> dict[str, Any]:
        """Which channels stay: `{"cuts": [{"layers", "keep", "of", "places"}], "left_alone": {layer: why}}`.

        `layers` produce the channels; `places` lists [layer, side, start, width] of every axis to be cut. What
        was measured on the host is under `measured`: the block, the widths tried, and with `speedup` the
        predicted and the measured one, and each layer's milliseconds before and after.

        Raises:
            InputError: `ignore` names what is not there, or there are no batches.
            Refusal: the network cannot be traced, nothing can be cut, or the speed-up cannot be reached; the
                sentence says why.
        """
        from tasks.kernels.graph import tracing
        from tasks.kernels.pruning import dependency_groups

        check_names(model, self.ignore)
        example = example_of(batches)
        try:
            groups = dependency_groups.find_groups(model, example)
        except tracing.TraceError as error:
            raise Refusal(f"channels: {error}") from error
        left_alone: dict[str, str] = {}
        scored = self._score(model, self._prunable(groups, left_alone), batches, left_alone)
        widths, measured = self._widths(model, scored, example)
        keep = _kept(scored, widths, left_alone)
        if not keep:
            reasons = "; ".join(f"{layer}: {reason}" for layer, reason in list(left_alone.items())[:5])
            raise Refusal(f"channels: there is nothing to cut: {reasons or 'no convolution or linear layer'}")
        _prove(model, groups, keep, example)
        return {
            "cuts": [_record(group, keep[group.id]) for group, _ in scored if group.id in keep],
            "left_alone": left_alone,
            **({"measured": measured} if measured else {}),
        }

    def apply(self, model: nn.Module, plan: dict[str, Any]) -> nn.Module:
        """The model without the channels that are not in the plan's `keep`."""
        from tasks.kernels.graph import channel_groups
        from tasks.kernels.pruning import surgery

        groups = [
            channel_groups.Group(i, cut["of"], tuple(channel_groups.Place(*place) for place in cut["places"]), None)
            for i, cut in enumerate(plan["cuts"])
        ]
        return surgery.cut_channels(model, groups, {i: cut["keep"] for i, cut in enumerate(plan["cuts"])})

    def _prunable(self, groups: list[Group], left_alone: dict[str, str]) -> list[Group]:
        found = []
        for group in groups:
            layers = group.layers("out")
            ignored = next((layer for layer in layers if is_under(layer, self.ignore)), None)
            reason = group.frozen or (f"coupled with {ignored}, which is ignored" if ignored else None)
            if not (ignored or _is_followed(group)) and self.unfollowable == "refuse":
                raise Refusal(f"channels: layer {layers[0]} cannot be followed: {group.frozen}")
            for layer in layers if reason else ():
                left_alone[layer] = "ignored" if is_under(layer, self.ignore) else str(reason)
            if not reason:
                found.append(group)
        return found

    def _score(
        self, model: nn.Module, groups: list[Group], batches: Batches, left_alone: dict[str, str]
    ) -> list[tuple[Group, Tensor]]:
        from tasks.kernels.pruning import importance

        if self.importance == "taylor":
            scores: list[Tensor | None] = list(importance.taylor(model, groups, batches))
        elif self.importance == "batch_norm":
            scores = [importance.batch_norm(model, group) for group in groups]
        else:
            measure = importance.fpgm if self.importance == "fpgm" else importance.magnitude
            scores = [measure(model, group) for group in groups]
        scored = []
        for group, score in zip(groups, scores, strict=True):
            if score is None:
                left_alone.update(dict.fromkeys(group.layers("out"), "no batch norm follows it"))
            elif not score.isfinite().all():
                layer = group.layers("out")[0]
                raise Refusal(f"channels: the {self.importance} of layer {layer} is not finite")
            else:
                scored.append((group, score))
        return scored

    def _widths(
        self, model: nn.Module, scored: width_selection.Scored, example: Tensor
    ) -> tuple[list[int], dict[str, Any]]:
        """How many channels each group keeps, and what was measured for it."""
        if not scored:
            return [], {}
        if self.speedup is not None:
            return width_selection.by_speed(model, scored, self.speedup, self.multiple, example)
        wishes = width_selection.wanted(scored, self.sparsity or HALF, self.spread == "global")
        if self.multiple is None:
            return width_selection.by_share_here(model, scored, wishes, example)
        return width_selection.by_share(scored, wishes, self.multiple), {}


def _is_followed(group: Group) -> bool:
    """Whether it is known where a group's channels go, though they may have to stay."""
    from tasks.kernels.graph.channel_flow import PADDED

    return group.frozen is None or group.frozen == OUTPUT or group.frozen.startswith(PADDED)


def _kept(scored: width_selection.Scored, widths: list[int], left_alone: dict[str, str]) -> dict[int, list[int]]:
    """The channels to keep of every group that gets narrower."""
    from tasks.kernels.pruning.latency_target import strongest

    keep: dict[int, list[int]] = {}
    for (group, score), width in zip(scored, widths, strict=True):
        if width < group.channels:
            keep[group.id] = strongest(score, width)
        else:
            reason = f"in whole blocks, all of its {group.channels} channels stay"
            left_alone.update(dict.fromkeys(group.layers("out"), reason))
    return keep


def _record(group: Group, kept: list[int]) -> dict[str, Any]:
    places = [[place.layer, place.side, place.start, place.width] for place in group.places]
    return {"layers": list(group.layers("out")), "keep": kept, "of": group.channels, "places": places}


def _prove(model: nn.Module, groups: list[Group], keep: dict[int, list[int]], example: Tensor) -> None:
    from tasks.kernels.pruning import surgery

    layers = ", ".join(layer for group in groups if group.id in keep for layer in group.layers("out"))
    try:
        gap = surgery.difference(model, groups, keep, example)
    except RuntimeError as error:
        raise Refusal(f"channels: the network does not run once {layers} are cut: {error}") from error
    if not gap <= surgery.TOLERANCE:
        raise Refusal(f"channels: cutting {layers} changes more than their channels (difference {gap:.2g})")
