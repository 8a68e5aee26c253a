"""Adaptation: lazy layers get their shapes, and other answers become rows, in a network that stays the user's own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from support import models
from torch import Tensor, nn

from tasks.core import Candidate, Prepared, Step, Store
from tasks.kernels.graph import tracing
from tasks.kernels.onnx import sessions, torch_export
from tasks.models import factory, weight_files
from tasks.models.adaptation import ADAPTED
from tasks.models.model_spec import ModelSpec
from tasks.techniques import replay
from tasks.techniques.pruning.channels import Channels

SHAPE = (1, 8, 8)
Answer = Callable[[Tensor], Any]


def lazy(outputs: int, width: int = 8) -> nn.Module:
    front = nn.LazyConv2d(width, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten()
    return nn.Sequential(*front, nn.LazyLinear(outputs))


class Net(nn.Module):
    """A small network whose answer has the form of `give`."""

    def __init__(self, outputs: int, give: Answer) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 32, 3)
        self.head, self.give = nn.Linear(32, outputs), give

    def forward(self, batch: Tensor) -> Any:
        hidden = torch.relu(self.second(torch.relu(self.first(batch))))
        return self.give(self.head(hidden.mean((2, 3))))


def dictionary() -> nn.Module:
    return Net(4, lambda z: {"features": z[:, :3], "logits": z})


def double() -> nn.Module:
    return Net(4, lambda z: z.double())


def one_logit() -> nn.Module:
    return Net(1, lambda z: z.squeeze(-1))


def made(name: str, prepared: Prepared, **arguments: Any) -> tuple[str, dict[str, Any]]:
    return factory.complete_factory(ModelSpec(factory=f"{__name__}:{name}", arguments=arguments), prepared)


def test_lazy_layers_are_settled_by_the_data(prepared: Prepared) -> None:
    found = made("lazy", prepared, width=4)
    arguments = {"outputs": 4, "width": 4}
    assert found == (ADAPTED, {"factory": f"{__name__}:lazy", "arguments": arguments, "input_shape": [1, 8, 8]})
    one, again, other = (factory.build_network(*found, seed) for seed in (1, 1, 2))
    assert models.same(one, again)
    assert not models.same(one, other)
    assert one[4].weight.shape == (4, 144)
    assert one[1].running_mean.tolist() == [0.0] * 4, "the zeros are no data"


@pytest.mark.parametrize("name", ["lazy", "dictionary", "double"])
def test_an_adapted_network_is_loaded_again(name: str, prepared: Prepared, store: Store) -> None:
    found, examples = made(name, prepared), torch.rand(3, *SHAPE)
    network = factory.build_network(*found, seed=5)
    assert {key.partition(".")[0] for key in network.state_dict()} <= {"0", "1", "4", "first", "second", "head"}
    step = Step("load", 1, {}, None, None, None)
    start = weight_files.begin_candidate("a", *found, step, weight_files.save_network(network, store))
    loaded, copied = replay.load_network(start, store), copy.deepcopy(network)
    for each in (loaded, copied):
        assert torch.equal(each(examples), network(examples))
        assert (each(examples).shape, each(examples).dtype) == ((3, 4), torch.float32)
    assert loaded.train().training


@pytest.mark.parametrize("name", ["dictionary", "double"])
def test_the_reading_is_in_traces_and_exports(name: str, prepared: Prepared) -> None:
    network, examples = factory.build_network(*made(name, prepared), seed=5), torch.rand(3, *SHAPE)
    assert type(network).__name__ == "Net"
    assert isinstance(network, Net)
    expected = network(examples).detach()
    assert torch.equal(tracing.trace(network, examples)(examples), expected)
    data = torch_export.convert(network, SHAPE).SerializeToString()
    torch.testing.assert_close(torch.from_numpy(sessions.predict(data, {"input": examples.numpy()})), expected)


def test_an_adapted_network_is_pruned_and_replayed(prepared: Prepared, store: Store) -> None:
    found, examples = made("dictionary", prepared), torch.rand(8, *SHAPE)
    network, technique = factory.build_network(*found, seed=5), Channels(sparsity=0.5)
    plan = technique.plan(network, [(examples, torch.zeros(8, dtype=torch.int64))])
    pared = technique.apply(network, plan)
    step = Step("channels", Channels.version, {"sparsity": 0.5}, store.put_json(plan), None, None)
    thin = Candidate("thin", "torch", *found, (step,), weight_files.save_network(pared, store))
    loaded = replay.load_network(thin, store)
    assert loaded.first.weight.shape[0] < 32
    assert torch.equal(loaded(examples), pared(examples))


def test_one_logit_is_trained_as_two(prepared: Prepared) -> None:
    reading = {"output": None, "cast": False, "width": 1, "single": "logit"}
    arguments = {"factory": f"{__name__}:one_logit", "arguments": {}, "reading": reading}
    network, examples = factory.build_network(ADAPTED, arguments), torch.rand(3, *SHAPE)
    plain = factory.build_network(f"{__name__}:one_logit", {})
    assert torch.equal(network(examples), torch.stack([torch.zeros(3), plain(examples)], 1))
    network(examples).sum().backward()
    assert network.head.weight.grad.abs().sum() > 0
    assert list(network.state_dict()) == list(plain.state_dict())
