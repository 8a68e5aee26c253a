"""Structured pruning: whole channels (or neurons) are cut out, so that every runtime computes less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from tasks.artifacts import Refusal
from tasks.techniques.base import Batches, Lowers, Technique
from tasks.techniques.inputs import check_names, example_of, is_under

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.coupling import Group

TOLERANCE = 1e-3
"""Largest relative difference between the cut network and one that ignores the channels: rounding."""


class Channels(Technique):
    """Removes the least important channels of convolutions and neurons of linear layers.

    How: the network's graph says which channels stand or fall together (residual additions, batch norms,
    concatenations, flattening); each such group is scored and thinned as one. A group that meets an
    operation that cannot be followed, the network's input or its output is left alone, and the plan says why.
    Before the plan is given, the cut network is compared with the same one that only ignores the channels.

    Papers: Li et al. 2017 "Pruning Filters for Efficient ConvNets" (magnitude); Liu et al. 2017 "Learning
    Efficient Convolutional Networks through Network Slimming" (batch_norm); Molchanov et al. 2017 "Pruning
    Convolutional Neural Networks for Resource Efficient Inference" (taylor); Fang et al. 2023 "DepGraph".

    Accuracy falls with the cut; `recover` after it is the usual next step. The graph is that of evaluation; a
    layer that only training runs (an auxiliary head) is refused, since what it reads is unknown.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ("macs", "bytes")

    step: Literal["channels"] = "channels"
    sparsity: float = Field(default=0.5, gt=0, lt=1)
    """Share of the channels to remove, of each group (`uniform`) or of all together (`global`)."""
    importance: Literal["magnitude", "batch_norm", "taylor"] = "magnitude"
    """magnitude: L2 norm of filters; batch_norm: scales; taylor: activation times gradient, on data."""
    spread: Literal["uniform", "global"] = "uniform"
    """uniform: the same share of each group; global: the lowest scores anywhere, over their group's mean."""
    multiple: int = Field(default=8, ge=1, le=256)
    """Kept widths are rounded to multiples of it, at least one: the runtime computes channels in blocks of
    this size, and a cut within one saves no time. Groups narrower than two blocks are rounded to fours."""
    ignore: tuple[str, ...] = ()
    """Layers, or parts of the network, whose output channels stay."""

    def plan(self, model: nn.Module, batches: Batches) -> dict[str, Any]:
        """Which channels stay: `{"cuts": [{"layers", "keep", "of", "places"}], "left_alone": {layer: why}}`.

        `layers` produce the channels; `places` lists [layer, side, start, width] of every axis to be cut.

        Raises:
            InputError: `ignore` names what is not there, or there are no batches.
            Refusal: the network cannot be traced, or nothing can be cut; the sentence says why.
        """
        from tasks.kernels import coupling, tracing

        check_names(model, self.ignore)
        example = example_of(batches)
        try:
            groups = coupling.find_groups(model, example)
        except tracing.TraceError as error:
            raise Refusal(f"channels: {error}") from error
        left_alone: dict[str, str] = {}
        scored = self._score(model, self._prunable(groups, left_alone), batches, left_alone)
        keep = self._choose(scored, left_alone)
        if not keep:
            reasons = "; ".join(f"{layer}: {reason}" for layer, reason in list(left_alone.items())[:5])
            raise Refusal(f"channels: there is nothing to cut: {reasons or 'no convolution or linear layer'}")
        _prove(model, groups, keep, example)
        return {
            "cuts": [_record(group, keep[group.id]) for group, _ in scored if group.id in keep],
            "left_alone": left_alone,
        }

    def apply(self, model: nn.Module, plan: dict[str, Any]) -> nn.Module:
        """The model without the channels that are not in the plan's `keep`."""
        from tasks.kernels import coupling, surgery

        groups = [
            coupling.Group(i, cut["of"], tuple(coupling.Place(*place) for place in cut["places"]), None)
            for i, cut in enumerate(plan["cuts"])
        ]
        return surgery.cut(model, groups, {i: cut["keep"] for i, cut in enumerate(plan["cuts"])})

    def _prunable(self, groups: list[Group], left_alone: dict[str, str]) -> list[Group]:
        found = []
        for group in groups:
            layers = group.layers("out")
            ignored = next((layer for layer in layers if is_under(layer, self.ignore)), None)
            reason = group.frozen or (f"coupled with {ignored}, which is ignored" if ignored else None)
            for layer in layers if reason else ():
                left_alone[layer] = "ignored" if is_under(layer, self.ignore) else str(reason)
            if not reason:
                found.append(group)
        return found

    def _score(
        self, model: nn.Module, groups: list[Group], batches: Batches, left_alone: dict[str, str]
    ) -> list[tuple[Group, Tensor]]:
        from tasks.kernels import importance

        if self.importance == "taylor":
            scores: list[Tensor | None] = list(importance.taylor(model, groups, batches))
        elif self.importance == "batch_norm":
            scores = [importance.batch_norm(model, group) for group in groups]
        else:
            scores = [importance.magnitude(model, group) for group in groups]
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

    def _choose(self, scored: list[tuple[Group, Tensor]], left_alone: dict[str, str]) -> dict[int, list[int]]:
        """The channels to keep of every group that gets narrower."""
        keep: dict[int, list[int]] = {}
        for (group, score), wanted in zip(scored, self._wanted(scored), strict=True):
            width = rounded(wanted, group.channels, self.multiple)
            if width < group.channels:
                order = score.argsort(descending=True, stable=True)
                keep[group.id] = sorted(order[:width].tolist())
            else:
                reason = f"{wanted:g} of its {group.channels} channels, in whole blocks, is all of them"
                left_alone.update(dict.fromkeys(group.layers("out"), reason))
        return keep

    def _wanted(self, scored: list[tuple[Group, Tensor]]) -> list[float]:
        """How many channels each group would keep without rounding."""
        import torch

        if self.spread == "uniform" or not scored:
            return [(1 - self.sparsity) * group.channels for group, _ in scored]
        relative = [score / score.mean().clamp(min=1e-30) for _, score in scored]
        everywhere = torch.cat(relative)
        order = everywhere.argsort(stable=True)
        stays = torch.ones(len(everywhere))
        stays[order[: round(self.sparsity * len(everywhere))]] = 0
        return [float(part.sum()) for part in torch.split(stays, [len(part) for part in relative])]


def rounded(wanted: float, channels: int, multiple: int) -> int:
    """The multiple of the block that is nearest to `wanted`, at least one block and at most all channels.

    The block is `multiple`, or at most 4 in groups narrower than two of it, where it would leave no choice.
    """
    block = multiple if channels >= 2 * multiple else min(4, multiple)
    return min(channels, max(1, int(wanted / block + 0.5)) * block)


def _record(group: Group, kept: list[int]) -> dict[str, Any]:
    places = [[place.layer, place.side, place.start, place.width] for place in group.places]
    return {"layers": list(group.layers("out")), "keep": kept, "of": group.channels, "places": places}


def _prove(model: nn.Module, groups: list[Group], keep: dict[int, list[int]], example: Tensor) -> None:
    from tasks.kernels import surgery

    layers = ", ".join(layer for group in groups if group.id in keep for layer in group.layers("out"))
    try:
        gap = surgery.difference(model, groups, keep, example)
    except RuntimeError as error:
        raise Refusal(f"channels: the network does not run once {layers} are cut: {error}") from error
    if not gap <= TOLERANCE:
        raise Refusal(f"channels: cutting {layers} changes more than their channels (difference {gap:.2g})")
