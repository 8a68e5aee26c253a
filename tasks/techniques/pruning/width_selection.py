"""How many channels each group keeps: from a share of its channels, or from measured times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasks.core import Refusal

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.graph.channel_groups import Group
    from tasks.kernels.pruning.width_search import LayerCost

ScoredGroups = Sequence[tuple["Group", "Tensor"]]
"""Groups, each with the importance of its channels (channels,)."""


def target_widths(scored: ScoredGroups, sparsity: float, together: bool) -> list[float]:
    """How many channels each group would keep without rounding.

    Args:
        scored: the groups and the importance of their channels.
        sparsity: the share of the channels to remove (0..1).
        together: whether all channels are ranked together, by their importance over their group's mean; else each
            group loses the same share.
    """
    import torch

    if not together or not scored:
        return [(1 - sparsity) * group.channels for group, _ in scored]
    relative = [score / score.mean().clamp(min=1e-30) for _, score in scored]
    everywhere = torch.cat(relative)
    order = everywhere.argsort(stable=True)
    stays = torch.ones(len(everywhere))
    stays[order[: round(sparsity * len(everywhere))]] = 0
    return [float(part.sum()) for part in torch.split(stays, [len(part) for part in relative])]


def round_width(target: float, channels: int, multiple: int) -> int:
    """The multiple of a block of channels nearest to `target`: at least one block, at most all `channels`.

    A block has `multiple` channels; in a group narrower than two such blocks, where no choice would be left, it has
    at most 4.
    """
    from tasks.kernels.pruning.width_search import width_unit

    block = width_unit(channels, multiple)
    return min(channels, max(1, int(target / block + 0.5)) * block)


def by_share(scored: ScoredGroups, targets: Sequence[float], multiple: int) -> list[int]:
    """Each group's width: its target in whole blocks of `multiple` positions of a layer's output."""
    return [
        round_width(target, group.channels, -(-multiple // group.span))
        for (group, _), target in zip(scored, targets, strict=True)
    ]


def by_share_measured(
    model: nn.Module, scored: ScoredGroups, targets: Sequence[float], example: Tensor
) -> tuple[list[int], dict[str, Any]]:
    """Each group's width, and what was measured: `{"block": channels, "options": [[width]]}`.

    Of the widths that are faster on this host than every wider one, the nearest to the group's target.

    Args:
        model: the network that the groups belong to.
        scored: the groups and the importance of their channels.
        targets: each group's width without rounding.
        example: two examples (2, ...) as the network sees them.
    """
    from tasks.kernels.latency import layer_costs
    from tasks.kernels.pruning import latency_target

    groups, block = [group for group, _ in scored], layer_costs.channel_block()
    options = latency_target.faster(
        groups, layer_costs.layer_calls(model, example, _names(groups)), latency_target.width_options(groups, block)
    )
    chosen = [min(each, key=lambda width: abs(width - target)) for each, target in zip(options, targets, strict=True)]
    return chosen, {"block": block, "options": [list(each) for each in options]}


def by_speed(
    model: nn.Module, scored: ScoredGroups, goal: float, multiple: int | None, example: Tensor
) -> tuple[list[int], dict[str, Any]]:
    """Each group's width so that the network is `goal` times as fast on this host, and what was measured for it.

    The measurements: `goal`, `block`, the `predicted` and the `measured` speed-up, all networks `tried`, and the
    milliseconds of the `layers` before and after.

    Args:
        model: the network that the groups belong to.
        scored: the groups and the importance of their channels.
        goal: the speed-up to reach, above 1.
        multiple: the block of channels; None: the one measured on this host.
        example: two examples (2, ...) as the network sees them.

    Raises:
        Refusal: no admissible widths make it so fast, or it cannot be timed.
    """
    from tasks.kernels.latency import layer_costs
    from tasks.kernels.latency.network_timer import NotConvertibleError
    from tasks.kernels.pruning import latency_target

    (groups, scores), block = zip(*scored, strict=True), multiple or layer_costs.channel_block()
    options = latency_target.width_options(groups, block)
    works = latency_target.layer_works(groups, layer_costs.layer_calls(model, example, _names(groups)), options)
    try:
        tried = latency_target.reach_speedup(model, groups, scores, options, works, goal, example)
    except latency_target.OutOfReachError as error:
        layers = ", ".join(group.layers("out")[0] for group in groups[:3])
        law = f"{type(model).__name__} cannot be {goal:g} times as fast by cutting {layers} and the like"
        raise Refusal(f"channels: {law}: the most that was measured is {error.most:.2f} times") from error
    except NotConvertibleError as error:
        raise Refusal(f"channels: {error}") from error
    best = tried[-1]
    return list(best.widths), {
        "goal": goal,
        "block": block,
        "predicted": best.predicted,
        "measured": best.measured,
        "tried": [{"predicted": one.predicted, "measured": one.measured, "widths": list(one.widths)} for one in tried],
        "layers": _milliseconds(works, [each[0] for each in options], best.widths),
    }


def _milliseconds(
    works: Sequence[LayerCost], full: Sequence[int], now: Sequence[int]
) -> dict[str, Mapping[str, float]]:
    """The milliseconds of each layer whose time depends on the widths: `{layer: {"before", "after"}}`.

    `full` and `now` are the groups' widths before and after.
    """
    from tasks.kernels.pruning import width_search

    return {
        work.name: {"before": width_search.total([work], full, full), "after": width_search.total([work], now, full)}
        for work in works
    }


def _names(groups: Sequence[Group]) -> list[str]:
    """The names of all layers that the groups lie in."""
    return sorted({place.layer for group in groups for place in group.places})
