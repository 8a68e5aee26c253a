"""Low-rank factorization: replaces a layer by two or three smaller ones with nearly the same result.

Linear layers and 1x1 convolutions: truncated singular value decomposition (Eckart and Young 1936; Denton et al.
2014). Larger kernels: Tucker-2 by higher-order SVD, as 1x1, k x k and 1x1 convolutions (Kim et al. 2016). The rank
is the smallest that keeps a given energy, the share of the sum of squared singular values.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import torch
from torch import Tensor, nn

from tasks.kernels.graph.tracing import to_device_of


@dataclass(frozen=True)
class Positions:
    """Positions (pixels, tokens) per example that a layer reads and writes; 1 and 1 for a linear layer on vectors."""

    read: int
    written: int


def positions(model: nn.Module, example: Tensor) -> dict[str, Positions]:
    """The positions of every linear layer and 1-D or 2-D convolution, by name, from one run of a copy on a batch.

    Layers that are called several times count all their calls.
    """
    twin = copy.deepcopy(model).eval()
    found: dict[str, Positions] = {}

    def watch(name: str) -> Any:
        def hook(module: Any, arguments: tuple[Tensor, ...], output: Tensor) -> None:
            axis = 1 - module.weight.ndim
            sizes = [value.numel() // value.shape[axis] for value in (arguments[0], output)]
            read, written = (size // len(example) for size in sizes)
            before = found.get(name, Positions(0, 0))
            found[name] = Positions(before.read + read, before.written + written)

        return hook

    for name, module in twin.named_modules():
        if type(module) in (nn.Linear, nn.Conv1d, nn.Conv2d):
            module.register_forward_hook(watch(name))
    with torch.no_grad():
        twin(to_device_of(twin, example))
    return found


def kind_of(layer: nn.Module) -> str:
    """`linear`, `pointwise` (convolution of kernel 1) or `tucker` (larger kernel)."""
    if isinstance(layer, nn.Linear):
        return "linear"
    return "pointwise" if prod(cast(nn.Conv2d, layer).kernel_size) == 1 else "tucker"


def choose_ranks(layer: nn.Linear | nn.Conv1d | nn.Conv2d, energy: float) -> list[int]:
    """The smallest ranks that keep `energy` (0..1): [rank], or for larger kernels [input rank, output rank]."""
    weight = layer.weight.detach().double().cpu()
    unfoldings = [weight.flatten(1)]
    if kind_of(layer) == "tucker":
        unfoldings = [weight.transpose(0, 1).flatten(1), weight.flatten(1)]
    return [_rank(torch.linalg.svdvals(unfolding), energy) for unfolding in unfoldings]


def full_ranks(layer: nn.Linear | nn.Conv1d | nn.Conv2d) -> list[int]:
    """The ranks at which nothing is lost, in the form of `choose_ranks`."""
    out, into = layer.weight.shape[:2]
    return [into, out] if kind_of(layer) == "tucker" else [min(into, out)]


def _rank(singular: Tensor, energy: float) -> int:
    squares = singular.square()
    kept = squares.cumsum(0) >= energy * squares.sum()
    return int(kept.int().argmax()) + 1


def saved_share(layer: nn.Linear | nn.Conv1d | nn.Conv2d, ranks: Sequence[int], at: Positions) -> float:
    """Share (0..1) of the layer's multiply-accumulates that the factors save; may be negative.

    0 when the factors have at least as many weights as the layer. `at` are the layer's positions.
    """
    out, into = layer.weight.shape[:2]
    first, last = into * ranks[0], ranks[-1] * out
    middle = ranks[0] * ranks[1] * layer.weight[0, 0].numel() if kind_of(layer) == "tucker" else 0
    before = at.written * layer.weight.numel()
    # a larger kernel's first factor works before the stride, a 1x1 kernel's carries it
    after = (at.read if middle else at.written) * first + at.written * (middle + last)
    return 0.0 if first + middle + last >= layer.weight.numel() else 1 - after / before


def factorize(model: nn.Module, ranks: Mapping[str, Sequence[int]]) -> nn.Module:
    """A copy of `model` with the layers named in `ranks` replaced by their factors.

    The names and shapes of its parameters depend on the ranks alone. Raises ValueError for a name that `model`
    does not have.
    """
    pared = copy.deepcopy(model)
    factors = {id(layer): build_factors(layer, ranks[name]) for name, layer in pared.named_modules() if name in ranks}
    if len(factors) < len(ranks):
        missing = set(ranks) - {name for name, _ in pared.named_modules()}
        raise ValueError(f"the network has no layer {', '.join(sorted(missing))}")
    for module in list(pared.modules()):
        for name, child in list(module._modules.items()):
            if id(child) in factors:
                module._modules[name] = factors[id(child)]
    return factors.get(id(pared), pared)


def build_factors(layer: Any, ranks: Sequence[int]) -> nn.Sequential:
    """The layer's factors in sequence; the last one holds the bias. Deterministic."""
    weight = layer.weight.detach().double().cpu()
    if kind_of(layer) == "tucker":
        factors = _tucker(layer, weight, *ranks)
    else:
        left, right = _truncated(weight.flatten(1), ranks[0])
        factors = _linear(left, right) if isinstance(layer, nn.Linear) else _pointwise(layer, left, right)
    if layer.bias is not None:
        factors[-1].bias = nn.Parameter(layer.bias.detach().clone())
    row = nn.Sequential(*factors).to(layer.weight).train(layer.training)
    return row.requires_grad_(layer.weight.requires_grad)


def _linear(left: Tensor, right: Tensor) -> list[nn.Module]:
    return [
        _set(nn.Linear(right.shape[1], len(right), bias=False, device="meta"), right),
        _set(nn.Linear(left.shape[1], len(left), bias=False, device="meta"), left),
    ]


def _pointwise(layer: nn.Conv1d | nn.Conv2d, left: Tensor, right: Tensor) -> list[nn.Module]:
    ones = (1,) * len(layer.kernel_size)
    first = _convolution(right.reshape(*right.shape, *ones), layer.stride, layer.padding, layer.padding_mode)
    return [first, _convolution(left.reshape(*left.shape, *ones))]


def _tucker(layer: nn.Conv1d | nn.Conv2d, weight: Tensor, inputs: int, outputs: int) -> list[nn.Module]:
    into = _directions(weight.transpose(0, 1).flatten(1), inputs)
    out = _directions(weight.flatten(1), outputs)
    core = torch.einsum("oi...,or,is->rs...", weight, out, into)
    ones = (1,) * len(layer.kernel_size)
    return [
        _convolution(into.T.reshape(inputs, -1, *ones)),
        _convolution(core, layer.stride, layer.padding, layer.padding_mode, layer.dilation),
        _convolution(out.reshape(-1, outputs, *ones)),
    ]


def _convolution(
    weight: Tensor, stride: Any = 1, padding: Any = 0, mode: Any = "zeros", dilation: Any = 1
) -> nn.Module:
    out, into, *kernel = weight.shape
    kind: Any = nn.Conv1d if len(kernel) == 1 else nn.Conv2d
    more = {"bias": False, "padding_mode": mode, "device": "meta"}
    return _set(kind(into, out, tuple(kernel), stride, padding, dilation, **more), weight)


def _set(layer: Any, weight: Tensor) -> nn.Module:
    """The layer with this weight; it was made on `meta`, so that nothing was drawn from the random state."""
    layer.weight = nn.Parameter(weight.contiguous())
    module: nn.Module = layer
    return module


def _directions(matrix: Tensor, rank: int) -> Tensor:
    """The first left singular vectors, (rows, rank), each with its largest entry positive."""
    left = torch.linalg.svd(matrix, full_matrices=False)[0][:, :rank]
    largest = left.gather(0, left.abs().argmax(0, keepdim=True))
    return torch.where(largest < 0, -left, left)


def _truncated(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The best factors of this rank, (rows, rank) and (rank, columns), with equal norms for each component."""
    left = _directions(matrix, rank)
    right = left.T @ matrix
    size = right.norm(dim=1).sqrt()
    return left * size, right / size.clamp(min=1e-30)[:, None]
