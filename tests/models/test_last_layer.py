"""The last layer: found by what the answer depends on, and replaced."""

from __future__ import annotations

import pytest
import torch
from support.trained_networks import Body
from torch import Tensor, nn

from tasks.core import InputError
from tasks.models.pretrained.last_layer import find_last_layer, outputs_of, replace_last_layer


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, batch: Tensor) -> Tensor:
        answer: Tensor = self.first(batch) + self.second(batch)
        return answer


class Squeezed(nn.Module):
    """The last layer is defined first, is a convolution, and is followed by a pooling and a softmax's logarithm."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body = nn.Conv2d(8, 5, 1), nn.Conv2d(3, 8, 3)

    def forward(self, batch: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.body(batch)).mean((2, 3)).log_softmax(1)}


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.scale = nn.Linear(4, 3), nn.Parameter(torch.ones(3))

    def forward(self, batch: Tensor) -> Tensor:
        answer: Tensor = self.fc(batch) * self.scale
        return answer


def test_it_is_found_by_what_the_answer_depends_on() -> None:
    assert find_last_layer(Body(3), (1, 8, 8)) == "fc"
    assert find_last_layer(Squeezed(), (3, 6, 6)) == "head"
    assert find_last_layer(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), (4,)) == "2"


@pytest.mark.parametrize(("network", "found"), [(TwoHeads(), "first, second"), (Scaled(), "none found")])
def test_a_network_without_one_last_layer_is_refused(network: nn.Module, found: str) -> None:
    with pytest.raises(InputError, match=rf"model\.transfer: needs a network .* but got '{found}'"):
        find_last_layer(network, (4,))


def test_it_is_replaced_by_one_of_its_kind() -> None:
    network, squeezed = Body(7), Squeezed()
    replace_last_layer(network, "fc", 2)
    replace_last_layer(squeezed, "head", 4)
    assert outputs_of(network.fc) == 2
    assert network(torch.zeros(3, 1, 8, 8)).shape == (3, 2)
    assert squeezed(torch.zeros(3, 3, 6, 6))["logits"].shape == (3, 4)
