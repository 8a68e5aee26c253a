"""Structured pruning: removes whole channels (or neurons), so that every runtime computes less."""

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

DEFAULT_SPARSITY = 0.5
"""The sparsity when neither it nor a speed-up is given."""
OUTPUT = "its channels are the network's output"
"""Why the last layer is left alone, in every network."""


class Channels(Technique):
    """Removes the least important channels of convolutions and neurons of linear layers.

    Channels that the graph couples are scored and removed together, as one group. Papers: Li et al. 2017
    (magnitude), Liu et al. 2017 (batch_norm), Molchanov et al. 2017 (taylor), He et al. 2019 (fpgm), Fang et al.
    2023 "DepGraph", Shen et al. 2021 "HALP: Hardware-Aware Latency Pruning".

    Needs a network that can be traced, and usually `recover` afterwards. Leaves alone groups that meet the network's
    input or output, or an operation that cannot be followed. Refuses when nothing can be cut, when the cut network
    computes something else than the whole one without these channels, and when the speed-up is out of reach.

    Card: docs/techniques/channels.md.
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
    """How many times as fast the network shall run on this host, in ONNX Runtime on one example and one thread.
    Instead of `sparsity`."""
    importance: Literal["magnitude", "batch_norm", "taylor", "fpgm"] = "magnitude"
    """magnitude: L2 norm of filters; batch_norm: scales; taylor: activation times gradient, on data; fpgm:
    distance to the other filters."""
    spread: Literal["uniform", "global"] = "uniform"
    """uniform: the same share of each group; global: the lowest scores anywhere, over their group's mean."""
    multiple: int | None = Field(default=None, ge=1, le=256)
    """Kept widths are multiples of it. Absent: the runtime's block of channels as measured on this host, and of its
    multiples the widths that are measured to be faster."""
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
        """Whether times decide: always, unless `multiple` is given and `speedup` is not."""
        return self.speedup is not None or self.multiple is None

    def plan(self, model: nn.Module, batches: Batches) -> dict[str, Any]:
        """The channels that stay: `{"cuts": [{"layers", "keep", "of", "places"}], "left_alone": {layer: why}}`.

        One cut for each group of coupled channels: `layers` produce them, `keep` holds the indices of those that
        stay out of `of`, and `places` lists [layer, side, start, width] of every axis to be cut. What was measured
        on the host is under `measured`: the block of channels and the widths tried; with `speedup` also the
        predicted and the measured speed-up, and each layer's milliseconds before and after.

        Args:
            model: the network, in any mode.
            batches: pairs of inputs (count, ...) and targets (count, ...).

        Raises:
            InputError: `ignore` names a part that the network does not have, or there are no batches.
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
        keep = _channels_to_keep(scored, widths, left_alone)
        if not keep:
            reasons = "; ".join(f"{layer}: {reason}" for layer, reason in list(left_alone.items())[:5])
            raise Refusal(f"channels: there is nothing to cut: {reasons or 'no convolution or linear layer'}")
        _verify(model, groups, keep, example)
        return {
            "cuts": [_record(group, keep[group.id]) for group, _ in scored if group.id in keep],
            "left_alone": left_alone,
            **({"measured": measured} if measured else {}),
        }

    def apply(self, model: nn.Module, plan: dict[str, Any]) -> nn.Module:
        """A copy of the model without the channels that are not in the plan's `keep`."""
        from tasks.kernels.graph import channel_groups
        from tasks.kernels.pruning import surgery

        groups = [
            channel_groups.Group(i, cut["of"], tuple(channel_groups.Place(*place) for place in cut["places"]), None)
            for i, cut in enumerate(plan["cuts"])
        ]
        return surgery.cut_channels(model, groups, {i: cut["keep"] for i, cut in enumerate(plan["cuts"])})

    def own_words(self, plan: dict[str, Any]) -> str:
        """How many channels are kept, and with `speedup` the measured one."""
        cuts = plan["cuts"]
        kept, whole = sum(len(cut["keep"]) for cut in cuts), sum(cut["of"] for cut in cuts)
        measured = plan.get("measured", {}).get("measured")
        speed = "" if measured is None else f", measured {measured:.2f}x as fast"
        return f"{kept} of {whole} channels kept in {len(cuts)} groups{speed}"

    def kept(self, plan: dict[str, Any]) -> list[dict[str, Any]]:
        """The plan's cuts."""
        cuts: list[dict[str, Any]] = plan["cuts"]
        return cuts

    def _prunable(self, groups: list[Group], left_alone: dict[str, str]) -> list[Group]:
        """The groups that may be cut; the layers of the others are added to `left_alone`, each with the reason."""
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
        """The groups with the importance of their channels, each (channels,).

        Layers that cannot be scored are added to `left_alone`. Raises Refusal when a score is not finite.
        """
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
        self, model: nn.Module, scored: width_selection.ScoredGroups, example: Tensor
    ) -> tuple[list[int], dict[str, Any]]:
        """How many channels each group keeps, and what was measured to decide that (empty when nothing was)."""
        if not scored:
            return [], {}
        if self.speedup is not None:
            return width_selection.by_speed(model, scored, self.speedup, self.multiple, example)
        targets = width_selection.target_widths(scored, self.sparsity or DEFAULT_SPARSITY, self.spread == "global")
        if self.multiple is None:
            return width_selection.by_share_measured(model, scored, targets, example)
        return width_selection.by_share(scored, targets, self.multiple), {}


def _is_followed(group: Group) -> bool:
    """Whether the graph shows everywhere that a group's channels go, even if they may not be removed."""
    from tasks.kernels.graph.channel_flow import PADDED

    return group.frozen is None or group.frozen == OUTPUT or group.frozen.startswith(PADDED)


def _channels_to_keep(
    scored: width_selection.ScoredGroups, widths: list[int], left_alone: dict[str, str]
) -> dict[int, list[int]]:
    """The indices of the channels to keep, by the id of each group that gets narrower.

    The layers of the other groups are added to `left_alone`.
    """
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
    """One cut as the plan holds it."""
    places = [[place.layer, place.side, place.start, place.width] for place in group.places]
    return {"layers": list(group.layers("out")), "keep": kept, "of": group.channels, "places": places}


def _verify(model: nn.Module, groups: list[Group], keep: dict[int, list[int]], example: Tensor) -> None:
    """Raises Refusal unless the cut network computes what the whole one computes without these channels."""
    from tasks.kernels.pruning import surgery

    layers = ", ".join(layer for group in groups if group.id in keep for layer in group.layers("out"))
    try:
        gap = surgery.difference(model, groups, keep, example)
    except RuntimeError as error:
        raise Refusal(f"channels: the network does not run once {layers} are cut: {error}") from error
    if not gap <= surgery.TOLERANCE:
        raise Refusal(f"channels: cutting {layers} changes more than their channels (difference {gap:.2g})")
