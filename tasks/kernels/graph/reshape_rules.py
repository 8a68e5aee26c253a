"""Reshape rules: where the channel axis goes when axes are merged, split, padded, indexed or reordered.

Each rule takes the node, the input's shape, the result's shape and the channel axis; it returns a Move, or None
when the channels cannot be followed. Axes are counted from the right (-1 is the last), as in broadcasting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import fx

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Move:
    """The channel axis of an operation's result: at `dim`, with `layout[i]` the old positions now at position i.

    Several old positions share one when an axis is split; they can only be removed together. A position without
    an old one was put there by the operation itself (padding). `layout` is None when the positions are unchanged.
    """

    dim: int
    layout: tuple[tuple[int, ...], ...] | None = None


def argument(node: fx.Node, place: int, name: str, default: Any = None) -> Any:
    """A node's argument, by place or by name; for a call of a layer (`meta["layer"]`), the layer's attribute."""
    if "layer" in node.meta:
        return getattr(node.meta["layer"], name, default)
    return node.args[place] if len(node.args) > place else node.kwargs.get(name, default)


def axis_of(value: Any, dims: int) -> int | None:
    """The axis `value` of a tensor with `dims` dimensions, counted from the right; None when it is not an int."""
    return None if not isinstance(value, int) else value if value < 0 else value - dims


def merge(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Flatten, squeeze and unsqueeze: the channel axis may be merged with others, but not split."""
    place, channels = len(before) + dim, before[dim]
    outside = math.prod(before[:place])
    for q, size in enumerate(after):
        ahead = math.prod(after[:q])
        if size > 1 and ahead <= outside and ahead * size >= outside * channels:
            outer, rest = divmod(outside, ahead)
            inner, remainder = divmod(size, outer * channels)
            if rest or remainder:
                return None
            return Move(
                q - len(after), tuple((c,) for _ in range(outer) for c in range(channels) for _ in range(inner))
            )
    return None


def reshape(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """View and reshape, by `merge` or `_split`, if the new axis has the size -1 or a computed one.

    A size written as a number in the code would be wrong once channels are removed.
    """
    first = argument(node, 1, "shape")
    sizes: Any = first if isinstance(first, (tuple, list)) else node.args[1:]
    if len(sizes) != len(after):
        return None
    move = merge(node, before, after, dim)
    return move if move and _is_free(sizes[move.dim]) else _split(sizes, before, after, dim)


def unflatten(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """One axis becomes several."""
    axis, sizes = axis_of(argument(node, 1, "dim"), len(before)), argument(node, 2, "sizes")
    sizes = sizes or argument(node, 2, "unflattened_size")
    if axis is None or not isinstance(sizes, (tuple, list)):
        return None
    if axis != dim:
        return Move(dim if dim > axis else dim - len(sizes) + 1)
    place = len(before) + dim
    return _split([*before[:place], *sizes, *before[place + 1 :]], before, after, dim)


def _split(sizes: Sequence[Any], before: Shape, after: Shape, dim: int) -> Move | None:
    """The channels split into several axes, of which exactly one has a free size; the channels move to that one.

    Channels at one position of it can only be removed together: when attention splits its width into
    (heads, head's width) with a free number of heads, a head is removed with all its channels.
    """
    outside, channels = math.prod(before[: len(before) + dim]), before[dim]
    first = next((q for q in range(len(after)) if math.prod(after[:q]) == outside), len(after))
    last = next((q for q in range(first, len(after)) if math.prod(after[first : q + 1]) == channels), None)
    free = [] if last is None else [q for q in range(first, last + 1) if _is_free(sizes[q])]
    if last is None or len(free) != 1:
        return None
    count, inner = after[free[0]], math.prod(after[free[0] + 1 : last + 1])
    starts = range(0, channels, count * inner)
    layout = [tuple(s + p * inner + i for s in starts for i in range(inner)) for p in range(count)]
    return Move(free[0] - len(after), tuple(layout))


def _is_free(size: Any) -> bool:
    return isinstance(size, fx.Node) or size == -1


def expand(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Broadcasting of axes of size 1; the channel axis must be given as -1 or a computed size."""
    first = argument(node, 1, "size")
    sizes: Any = first if isinstance(first, (tuple, list)) else node.args[1:]
    return Move(dim) if before[dim] == after[dim] and -dim <= len(sizes) and _is_free(sizes[dim]) else None


def repeat(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Repetition along other axes."""
    first = argument(node, 1, "repeats")
    times: Any = first if isinstance(first, (tuple, list)) else node.args[1:]
    return Move(dim) if -dim <= len(times) and times[dim] == 1 else None


def reduce(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Sums and means over other axes."""
    dims = argument(node, 1, "dim")
    dims = [dims] if isinstance(dims, int) else dims
    if not isinstance(dims, (tuple, list)) or not all(isinstance(d, int) for d in dims):
        return None
    reduced = {axis_of(d, len(before)) for d in dims}
    if dim in reduced:
        return None
    return Move(dim if len(before) == len(after) else dim + sum(d is not None and d > dim for d in reduced))


def index(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Indexing that keeps the whole channel axis; an int removes an axis, None inserts one."""
    parts = list(node.args[1]) if isinstance(node.args[1], tuple) else [node.args[1]]
    if any(part is ... for part in parts):
        at = next(q for q, part in enumerate(parts) if part is ...)
        missing = len(before) - sum(part is not None for part in parts) + 1
        parts[at : at + 1] = [slice(None)] * missing
    place, at, shift = len(before) + dim, 0, 0
    for part in parts:
        if part is None:
            shift -= at > place
        elif type(part) not in (int, slice) or (at == place and part != slice(None, None, None)):
            return None
        else:
            shift += at > place and type(part) is int
            at += 1
    return Move(dim + shift)


def pad(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Padding of other axes, or of the channel axis with a fixed number of constant positions."""
    amounts = argument(node, 1, "pad") or argument(node, 1, "padding")
    if not isinstance(amounts, (tuple, list)) or not all(isinstance(amount, int) for amount in amounts):
        return Move(dim) if before[dim] == after[dim] else None
    around = amounts[-2 * dim - 2 : -2 * dim] or (0, 0)
    if not any(around):
        return Move(dim)
    if min(around) < 0 or argument(node, 2, "mode", "constant") != "constant":
        return None
    return Move(dim, ((),) * around[0] + tuple((c,) for c in range(before[dim])) + ((),) * around[1])


def transpose(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """Two axes are swapped."""
    order = list(range(-len(before), 0))
    a, b = argument(node, 1, "dim0"), argument(node, 2, "dim1")
    order[a], order[b] = order[b], order[a]
    return Move(order.index(dim) - len(before))


def swap_last(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """The last two axes are swapped, as by `.mT`."""
    return Move({-1: -2, -2: -1}.get(dim, dim))


def permute(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """The axes are reordered."""
    dims: Any = node.args[1:] if len(node.args) > 2 else argument(node, 1, "dims")
    order = [axis_of(d, len(before)) for d in dims]
    return Move(order.index(dim) - len(before))


def movedim(node: fx.Node, before: Shape, after: Shape, dim: int) -> Move | None:
    """One axis moves to another place."""
    source, target = argument(node, 1, "source"), argument(node, 2, "destination")
    if not isinstance(source, int) or not isinstance(target, int):
        return None
    order = list(range(-len(before), 0))
    order.insert(target % len(before), order.pop(source))
    return Move(order.index(dim) - len(before))
