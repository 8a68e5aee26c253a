"""Operators between the layers: those that channels are followed through, and those that freeze them."""

from __future__ import annotations

import pytest
import torch
from support.channel_cuts import Forward, by_layer, thirds, written
from torch import Tensor, nn
from torch.nn import functional

from tasks.kernels.pruning.dependency_groups import find_groups
from tasks.kernels.pruning.surgery import difference

FOLLOWED: dict[str, Forward] = {
    "a layer called twice": lambda m, x: m.c(m.b(m.b(m.a(x)).relu()).mean((2, 3))),
    "channels last": lambda m, x: m.c(m.b(m.a(x)).permute(0, 2, 3, 1).flatten(1, 2)[:, 0]),
    "tokens": lambda m, x: m.c(functional.silu(m.b(m.a(x))).flatten(2).transpose(1, 2)[:, 0]),
    "kept axes": lambda m, x: m.c((m.b(m.a(x)) * m.a(x)).amax(dim=[-1, -2], keepdim=True)[:, :, 0, 0]),
    "new axes": lambda m, x: m.c((m.b(m.a(x)) * m.a(x).mean((2, 3))[:, :, None, None]).mean((2, 3))),
    "a new axis before": lambda m, x: m.c(m.b(m.a(x)).mean((2, 3))[:, None])[:, 0],
    "sizes": lambda m, x: m.c(m.b(m.a(x).mean((2, 3)).view(x.size(0), m.a(x).size(1), 1, 1)).flatten(1)),
    "padding of pixels": lambda m, x: m.c(m.b(functional.pad(m.a(x), (1, 1, 2, 2))).mean((2, 3))),
    "pixels of size one": lambda m, x: m.c(m.b(m.a(x) * x[:, :1]).mean((2, 3))),
    "a mask": lambda m, x: m.c(m.b(m.a(x).masked_fill(x[:, :1] > 0, 0.0)).mean((2, 3))),
    "an ellipsis": lambda m, x: m.c(m.b(m.a(x)[..., ::2, 1:])[..., 0, 0]),
    "softmax over pixels": lambda m, x: m.c(
        (m.b(m.a(x)) * m.a(x).flatten(2).softmax(-1).view(x.shape[0], -1, 8, 8)).sum((2, 3))
    ),
    "another order": lambda m, x: m.c(m.b(m.a(x)).movedim(1, -1).swapaxes(1, 2)[:, 0, 0]),
    "all parts": lambda m, x: m.c(m.b(torch.cat(m.a(x).chunk(2, 1), 1)).mean((2, 3))),
    "halves": lambda m, x: m.c(m.b(torch.cat([m.a(x).chunk(2, 1)[1], m.a(x).chunk(2, 1)[0].relu()], 1)).mean((2, 3))),
    "a shuffle": lambda m, x: m.c(m.b(_shuffled(m.a(x))).mean((2, 3))),
    "columns of a product": lambda m, x: m.c((x.mean(1).softmax(-1) @ m.b(m.a(x)).mean(3).transpose(1, 2))[:, 0]),
    "resizing": lambda m, x: m.c(functional.interpolate(m.b(m.a(x)), scale_factor=2).mean((2, 3))),
}
FROZEN: dict[str, tuple[str, Forward]] = {
    "softmax": ("method softmax", lambda m, x: m.c(m.b(m.a(x).softmax(1)).mean((2, 3)))),
    "a slice": ("function getitem", lambda m, x: m.c(m.b(m.a(x)[:, :8]).mean((2, 3)))),
    "thirds of eight": ("method chunk", lambda m, x: m.c(m.b(torch.cat(m.a(x).chunk(3, 1), 1)).mean((2, 3)))),
    "parts of a fixed size": ("method split", lambda m, x: m.c(m.b(torch.cat(m.a(x).split(4, 1), 1)).mean((2, 3)))),
    "parts on top of each other": (
        "function stack",
        lambda m, x: m.c(m.b(torch.stack(m.a(x).chunk(2, 1)).flatten(0, 1).view(4, 8, 8, 8)).mean((2, 3))),
    ),
    "parts of a computed number": (
        "method chunk",
        lambda m, x: m.c(m.b(m.a(x).chunk(m.a(x).shape[1] // 8, 1)[0]).mean((2, 3))),
    ),
    "attention in keywords": ("which sums over them", lambda m, x: m.c(_attended(m.b(m.a(x)).flatten(2).mT)[:, 0])),
    "a product over channels": ("which sums over them", lambda m, x: m.c(_alike(m.b(m.a(x)).flatten(2)))),
    "a shuffle of fixed sizes": (
        "method view",
        lambda m, x: m.c(m.b(m.a(x).view(-1, 2, 4, 8, 8).transpose(1, 2).reshape(-1, 8, 8, 8)).mean((2, 3))),
    ),
    "a mean": ("method mean", lambda m, x: m.c(m.b(m.a(x) * m.a(x).mean(1, keepdim=True)).mean((2, 3)))),
    "weights": (
        "reads its weights directly",
        lambda m, x: m.c(functional.conv2d(m.b(m.a(x))[:, :3], m.a.weight).mean((2, 3))),
    ),
    "another axis": ("reads another axis", lambda m, x: m.b(m.c(m.a(x))).mean((2, 3))),
}


def _attended(tokens: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(query=tokens, key=tokens, value=tokens)


def _alike(tokens: Tensor) -> Tensor:
    return ((tokens.transpose(1, 2) @ tokens) @ tokens.transpose(1, 2))[:, 0]


def _shuffled(maps: Tensor) -> Tensor:
    count, channels, height, width = maps.shape
    return maps.view(count, 2, channels // 2, height, width).transpose(1, 2).reshape(count, channels, height, width)


def _network(forward: Forward) -> tuple[nn.Module, Tensor]:
    return written(forward, a=lambda: nn.Conv2d(3, 8, 1), b=lambda: nn.Conv2d(8, 8, 1), c=lambda: nn.Linear(8, 5))


@pytest.mark.parametrize("operation", FOLLOWED)
def test_operations_that_are_followed(operation: str) -> None:
    model, inputs = _network(FOLLOWED[operation])
    groups = find_groups(model, inputs)
    found = by_layer(groups)
    assert found["a"].frozen is None
    assert found["b"].frozen is None
    assert difference(model, groups, thirds(groups), inputs) < 1e-5


@pytest.mark.parametrize("operation", FROZEN)
def test_operations_that_are_not_followed_freeze_what_meets_them(operation: str) -> None:
    words, forward = FROZEN[operation]
    model, inputs = _network(forward)
    groups = find_groups(model, inputs)
    assert any(words in str(group.frozen) for group in groups)
    assert difference(model, groups, thirds(groups), inputs) < 1e-5
