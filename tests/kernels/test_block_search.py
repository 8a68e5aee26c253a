"""The search for the least harm: its shortcuts must give what running everything gives."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from support import networks
from torch import Tensor, nn

from tasks.kernels.graph import residual_blocks, tracing
from tasks.kernels.pruning import block_search


class Scaled(nn.Module):
    """Adds its input times `scale` in the first half of the numbers; `in_place`: to the input's own memory."""

    def __init__(self, scale: float, in_place: bool = False) -> None:
        super().__init__()
        self.inside, self.in_place = nn.Linear(4, 4, bias=False), in_place
        with torch.no_grad():
            self.inside.weight.copy_(torch.diag(torch.tensor([scale, scale, 0.0, 0.0])))

    def forward(self, rows: Tensor) -> Tensor:
        added = self.inside(rows)
        if self.in_place:
            return rows.add_(added)
        return rows + added


def _search(model: nn.Module, inputs: Tensor, numbers: bool = False) -> block_search.BlockSearch:
    example = inputs[:2].clone()
    traced = tracing.trace(model, example)
    blocks, _ = residual_blocks.find_blocks(traced, model, example)
    return block_search.BlockSearch(traced, blocks, inputs, numbers)


def test_divergence_by_hand() -> None:
    """KL((1/2, 1/2) || (1/4, 3/4)) = ln(4/3) / 2, twice; squared differences are averaged over the outputs."""
    outputs, wanted = torch.tensor([[0.0, math.log(3)]] * 2), torch.zeros(2, 2)
    assert block_search.divergence(outputs, wanted, numbers=False) == pytest.approx(math.log(4 / 3))
    assert block_search.divergence(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2), numbers=True) == 5
    assert block_search.divergence(torch.tensor([2.0, 1.0]), torch.zeros(2), numbers=True) == 5


def test_harm_is_that_of_the_network_without_the_blocks() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        blocks = [networks.Block(8, 8, "identity").eval() for _ in range(4)]
        model = nn.Sequential(nn.Conv2d(3, 8, 1), *blocks, networks._head(8)).eval()
        inputs = torch.randn(40, 3, 6, 6)
    search = _search(model, inputs)
    gone: list[str] = []
    for removal in search.removals():
        harms = search.harms(gone, [str(name) for name in range(1, 5) if str(name) not in gone])
        gone.append(removal.name)
        assert removal.harm == pytest.approx(harms[removal.name], rel=1e-6)
        assert removal.harm == pytest.approx(_harm(model, gone, inputs), rel=1e-4)
    assert sorted(gone) == ["1", "2", "3", "4"]


def _harm(model: nn.Module, gone: list[str], inputs: Tensor) -> float:
    """The same by running the whole network, with batch norms on the batch's statistics."""
    compressed = copy.deepcopy(residual_blocks.remove(model, gone))
    for layer in compressed.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.train()
    with torch.no_grad():
        return block_search.divergence(compressed(inputs), model(inputs), numbers=False) / len(inputs)


@pytest.mark.parametrize("in_place", [False, True])
def test_the_least_harm_goes_first(in_place: bool) -> None:
    scales = [0.3, 0.1, 0.0, 0.4, 0.2, 0.05]
    model = nn.Sequential(*(Scaled(scale, in_place) for scale in scales))
    inputs = torch.ones(200, 4)
    removals = list(_search(model, inputs, numbers=True).removals())
    assert [removal.name for removal in removals] == ["2", "5", "1", "4", "0", "3"]
    assert removals[0].harm == 0
    assert removals[-1].harm == pytest.approx((1.3 * 1.1 * 1.4 * 1.2 * 1.05 - 1) ** 2 / 2, rel=1e-4)
    assert torch.equal(inputs, torch.ones(200, 4))
    harms = [removal.harm for removal in removals]
    assert harms == sorted(harms)


def test_cost_decides_between_equals() -> None:
    """Harms of the first removal are about 0.01 and 0.04: four times the harm, ten times the time."""
    model = nn.Sequential(Scaled(0.1), Scaled(0.2))
    removals = list(_search(model, torch.rand(50, 4), numbers=True).removals({"0": 1.0, "1": 10.0}))
    assert [removal.name for removal in removals] == ["1", "0"]


def test_default_arguments_and_many_chunks() -> None:
    class Defaults(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Scaled(0.5)

        def forward(self, rows: Tensor, mask: Tensor | None = None, factor: int = 2) -> Tensor:
            outputs: Tensor = self.block(rows if mask is None else rows * mask) * factor
            return outputs

    inputs = torch.ones(2 * block_search.CHUNK + 1, 4)
    removal = next(_search(Defaults(), inputs, numbers=True).removals())
    assert removal.harm == pytest.approx(0.5)
