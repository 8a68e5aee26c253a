"""Feature extraction: what the last layer gets, with the network left as it is."""

from __future__ import annotations

import pytest
import torch
from support.trained_networks import Body
from torch import nn

from tasks.kernels.training.feature_extraction import layer_inputs


def test_the_last_layer_on_the_features_gives_the_answer() -> None:
    network, batches = Body(4).train(), [torch.rand(5, 1, 8, 8), torch.rand(3, 1, 8, 8)]
    features = layer_inputs(network, "fc", batches)
    assert features.shape == (8, 64)
    assert network.training
    assert network.norm.num_batches_tracked == 0
    with torch.no_grad():
        assert torch.allclose(network.fc(features), network.eval()(torch.cat(batches)), atol=1e-6)


def test_several_places_are_refused() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Conv2d(2, 3, 1), nn.Flatten())
    with pytest.raises(ValueError, match="2 x 4 x 4"):
        layer_inputs(network, "1", [torch.rand(2, 1, 4, 4)])
