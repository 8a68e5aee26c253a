"""A network that writes into what it is given changes nothing of the caller's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.kernels.graph import tracing
from tasks.kernels.latency import layer_costs
from tasks.kernels.pruning import dependency_groups, surgery
from tasks.kernels.training import loops


class Overwriting(nn.Module):
    """Centres its input in place: another run on the same tensor would give something else."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        inputs.sub_(0.5)
        outputs: Tensor = self.last(self.first(inputs).relu())
        return outputs


def test_the_example_stays_as_it_is() -> None:
    model, example = Overwriting(), torch.rand(6, 4)
    before = example.clone()
    tracing.trace(model, example)
    layer_costs.layer_calls(model, example)
    groups = dependency_groups.find_groups(model, example)
    assert [group.frozen for group in groups] == [None, "its channels are the network's output"]
    assert surgery.difference(model, groups, {groups[0].id: range(0, 8, 2)}, example) < surgery.TOLERANCE
    assert torch.equal(example, before)


def test_prediction_leaves_the_data_alone() -> None:
    model, inputs = Overwriting(), torch.rand(6, 4)
    before = inputs.clone()
    outputs = [loops.predict_all(model, inputs, lambda batch: batch) for _ in range(2)]
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(inputs, before)
