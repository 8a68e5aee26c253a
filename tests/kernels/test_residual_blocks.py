"""Residual blocks: what is one, what is none and why, and a network without some of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from support import networks
from torch import Tensor, nn

from tasks.architectures import resnet20
from tasks.kernels.graph import residual_blocks, tracing

IMAGES = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))
TOKENS = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0))


class Added(nn.Module):
    """inputs + inside(inputs), then `behind`: what most residual blocks are."""

    def __init__(self, *inside: nn.Module, behind: nn.Module | None = None) -> None:
        super().__init__()
        self.inside, self.behind = nn.Sequential(*inside), behind or nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.behind(inputs + self.inside(inputs))
        return outputs


class Layer(nn.Module):
    """A transformer layer written out: two additions in one part."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(16) for _ in range(2))
        self.around, self.wide, self.narrow = (
            nn.MultiheadAttention(16, 2, batch_first=True),
            nn.Linear(16, 32),
            nn.Linear(32, 16),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        inside = self.norms[0](tokens)
        tokens = tokens + self.around(inside, inside, inside, need_weights=False)[0]
        outputs: Tensor = tokens + self.narrow(self.wide(self.norms[1](tokens)).relu())
        return outputs


class Calls(nn.Module):
    """A way of calling parts that a Sequential has not."""

    def __init__(self, forward: Callable[[nn.Module, Tensor], Tensor], part: nn.Module) -> None:
        super().__init__()
        self.part, self.way = part, forward

    def forward(self, inputs: Tensor) -> Tensor:
        return self.way(self.part, inputs)


def _find(model: nn.Module, inputs: Tensor) -> tuple[list[str], dict[str, str]]:
    model.eval()
    blocks, reasons = residual_blocks.find_blocks(tracing.trace(model, inputs), model, inputs)
    return [block.name for block in blocks], reasons


def _conv(read: int, made: int, groups: int = 1) -> nn.Module:
    return nn.Conv2d(read, made, 3, padding=1, groups=groups)


def test_resnet_has_its_blocks_but_those_that_change_the_shape() -> None:
    with torch.random.fork_rng():
        model = resnet20((3, 16, 16), 10).eval()
    inputs = torch.zeros(2, 3, 16, 16)
    blocks, reasons = residual_blocks.find_blocks(tracing.trace(model, inputs), model, inputs)
    numbers = [(1, 0), (1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]
    assert [block.name for block in blocks] == [f"layer{stage}.{place}" for stage, place in numbers]
    assert len({block.kind for block in blocks}) == 3, "one kind for each stage"
    assert set(reasons) == {"layer2.0", "layer3.0"}
    assert "same shape" in reasons["layer2.0"]


@pytest.mark.parametrize(
    ("block", "inputs"),
    [
        (Added(_conv(8, 8), nn.BatchNorm2d(8), nn.ReLU(), _conv(8, 8), behind=nn.ReLU()), IMAGES),
        (Added(nn.BatchNorm2d(8), nn.ReLU(), _conv(8, 8)), IMAGES),
        (Added(nn.Conv2d(8, 4, 1), nn.ReLU(), _conv(4, 4), nn.Conv2d(4, 8, 1), behind=nn.ReLU(inplace=True)), IMAGES),
        (Added(nn.Conv2d(8, 16, 1), nn.ReLU6(), _conv(16, 16, 16), nn.ReLU6(), nn.Conv2d(16, 8, 1)), IMAGES),
        (Added(nn.Linear(16, 16), behind=nn.LayerNorm(16)), TOKENS),
        (Layer(), TOKENS),
        (nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), TOKENS),
    ],
    ids=["after", "before", "bottleneck", "inverted", "norm behind", "two additions", "torch's"],
)
def test_kinds_of_blocks(block: nn.Module, inputs: Tensor) -> None:
    """The block is found, and neither the row that it stands in nor the part inside it."""
    assert _find(nn.Sequential(nn.Sequential(block, nn.Identity()), nn.Identity()), inputs) == (["0.0"], {})


def test_blocks_in_blocks_are_the_innermost() -> None:
    outer = Added(Added(_conv(8, 8)), _conv(8, 8))
    assert _find(nn.Sequential(outer), IMAGES) == (["0.inside.0"], {})


def _reads_inside(part: nn.Module, inputs: Tensor) -> Tensor:
    first = part.get_submodule("inside.0")
    outputs: Tensor = first(part(inputs))
    return outputs


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        (lambda part, inputs: part(part(inputs)), "calls it 2 times"),
        (_reads_inside, "more of it than its input and its output"),
        (lambda part, inputs: part(inputs=inputs), "one tensor into one"),
    ],
)
def test_blocks_that_are_left_alone(way: Callable[[nn.Module, Tensor], Tensor], reason: str) -> None:
    names, reasons = _find(Calls(way, Added(_conv(8, 8))), IMAGES)
    assert names == []
    assert reason in reasons["part"]


class Weighted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inside, self.way = _conv(8, 8), nn.Conv2d(8, 8, 1)

    def forward(self, images: Tensor) -> Tensor:
        outputs: Tensor = self.inside(images) + self.way(images)
        return outputs


def test_a_shortcut_with_weights_is_no_shortcut() -> None:
    names, reasons = _find(nn.Sequential(Weighted()), IMAGES)
    assert names == []
    assert "no path without weights" in reasons["0"]


@pytest.mark.parametrize("network", [networks.sequential, networks.concatenation, networks.mlp])
def test_networks_without_blocks(network: networks.Network) -> None:
    assert _find(*network(0)) == ([], {})


def test_removed_blocks_are_identities() -> None:
    model, inputs = networks.residual(0)
    compressed = residual_blocks.remove(model, ["2"])
    rest = nn.Sequential(model[0], model[1], model[3])
    assert torch.equal(compressed(inputs), rest(inputs))
    assert set(compressed.state_dict()) == {key for key in model.state_dict() if not key.startswith("2.")}
    assert isinstance(model[2], networks.Block)
    with pytest.raises(ValueError, match="no layer 9"):
        residual_blocks.remove(model, ["9"])
