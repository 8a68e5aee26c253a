"""Peers: the ones that are installed answer, the others are skipped by name, and files get a preprocessing."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import peers
from benchmarks.peers import dependency_pruner, norm_pruner, products, runtime_quantizer
from tasks.architectures import resnet20
from tasks.core import Dataset
from tasks.kernels.onnx import sessions


def task() -> peers.Task:
    """A small network of random weights, which nobody retrains."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)
        ).eval()
    calibration = np.random.default_rng(0).normal(size=(70, 3, 8, 8)).astype(np.float32)
    return peers.Task(network, (3, 8, 8), calibration, lambda model: model, lambda model: model)


def test_the_quantizer_that_is_always_here() -> None:
    given = task()
    results = list(peers.run(given, ["onnxruntime"]))
    wanted = sessions.predict(given.file, {"input": given.calibration})
    assert len(results) == 3
    for result in results:
        assert isinstance(result, peers.Result)
        assert result.minutes > 0
        got = sessions.predict(result.file, {"input": given.calibration})
        assert 0 < np.sqrt(np.mean((got - wanted) ** 2)) < 0.1 * wanted.std()


@pytest.mark.parametrize("name", ["torch-pruning", "nncf"])
def test_absent_peers_are_skipped_by_name(name: str) -> None:
    if find_spec(name.replace("-", "_")):
        pytest.skip(f"{name} is installed")
    (result,) = peers.run(task(), [name])
    assert isinstance(result, peers.Skipped)
    assert "is not installed" in result.sentence


def test_unknown_peers_are_an_error() -> None:
    with pytest.raises(KeyError, match="nobody"):
        list(peers.run(task(), ["nobody"]))


def test_only_the_inner_convolutions_are_pruned() -> None:
    network = resnet20((3, 8, 8), 4)
    left = {id(module) for module in dependency_pruner.ignored(network)}
    pruned = [name for name, module in network.named_modules() if _weighs(module) and id(module) not in left]
    assert pruned == [f"layer{stage}.{block}.conv1" for stage in (1, 2, 3) for block in range(3)]


def test_plain_pruning_keeps_the_filters_with_the_largest_norm() -> None:
    network = resnet20((3, 8, 8), 4).eval()
    block = network.layer2[1]
    with torch.no_grad():
        block.conv1.weight[:8] = 0.0
        norm = torch.nn.functional.batch_norm
        images = torch.randn(2, 32, 4, 4, generator=torch.Generator().manual_seed(0))
        wanted = norm(block.conv1(images), *(getattr(block.bn1, name) for name in STATISTICS))[:, 8:]
        narrow = norm_pruner.prune(network, 4 / 3).layer2[1]
        found = norm(narrow.conv1(images), *(getattr(narrow.bn1, name) for name in STATISTICS))
    assert torch.allclose(found, wanted)
    assert torch.equal(narrow.conv2.weight, block.conv2.weight[:, 8:])
    assert narrow.conv2(torch.relu(found)).shape == images.shape
    assert block.conv1.out_channels == 32, "a copy was cut"


STATISTICS = ("running_mean", "running_var", "weight", "bias")


def _weighs(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d | nn.Linear)


def test_a_dressed_file_takes_raw_pixels() -> None:
    given = task()
    fitted = {"kind": "images", "gain": [0.1, 0.2, 0.3], "shift": [-1.0, -2.0, -3.0]}
    classes = ("a", "b", "c", "d")
    dataset = Dataset("here", "images", "classification", (8, 8, 3), "uint8", (), classes, {}, (), "fingerprint")
    file = runtime_quantizer.quantize(given.file, given.calibration, unsigned=True, reduced=True)
    images = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    gain, shift = (np.reshape(fitted[key], (3, 1, 1)) for key in ("gain", "shift"))
    features = (images.transpose(0, 3, 1, 2) * gain + shift).astype(np.float32)
    got = sessions.predict(products.dress(file, dataset, fitted), {"image": images})
    assert np.allclose(got, sessions.predict(file, {"input": features}), atol=1e-3)
