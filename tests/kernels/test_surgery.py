"""Coupling and cutting: a cut network must answer as the full one whose channels are silent."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import networks
import pytest
import torch
from networks import Network
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

from tasks.architectures import resnet20
from tasks.kernels.coupling import Group, Place, find_groups
from tasks.kernels.surgery import cut, difference
from tasks.kernels.tracing import TraceError

TRACEABLE = pytest.mark.parametrize("network", networks.TRACEABLE, ids=lambda network: network.__name__)


class Written(nn.Module):
    """A network whose forward pass is a function of its layers `a`, `b`, `c` and the input."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.written = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.written(self, inputs)


def _thirds(groups: list[Group]) -> dict[int, list[int]]:
    """Every third channel of each free group goes."""
    return {
        group.id: [channel for channel in range(group.channels) if channel % 3] for group in groups if not group.frozen
    }


def _by_layer(groups: list[Group]) -> dict[str, Group]:
    return {layer: group for group in groups for layer in group.layers("out")}


@TRACEABLE
def test_a_cut_answers_as_channels_that_are_zero(network: Network) -> None:
    """The channel is zeroed where it is made and wherever something could wake it up again."""
    model, inputs = network(0)
    groups = find_groups(model, inputs)
    keep = _thirds(groups)
    assert keep
    zeroed = copy.deepcopy(model)
    for group in groups:
        for place in group.places if group.id in keep else ():
            layer: Any = zeroed.get_submodule(place.layer)
            for channel in set(range(group.channels)) - set(keep[group.id]):
                start = place.start + channel * place.width
                for tensor in (layer.weight, layer.bias) if place.side != "in" else ():
                    if tensor is not None:
                        tensor.data[start : start + place.width] = 0
    pared = cut(model, groups, keep)
    assert sum(p.numel() for p in pared.parameters()) < sum(p.numel() for p in model.parameters())
    assert torch.allclose(pared(inputs), zeroed(inputs), atol=1e-5)
    assert not torch.allclose(pared(inputs), model(inputs), atol=1e-3)


@TRACEABLE
def test_a_cut_answers_as_channels_that_nobody_reads(network: Network) -> None:
    model, inputs = network(0)
    groups = find_groups(model, inputs)
    assert difference(model, groups, _thirds(groups), inputs) < 1e-5


@TRACEABLE
def test_a_cut_network_trains(network: Network) -> None:
    model, inputs = network(0)
    groups = find_groups(model, inputs)
    pared = cut(model, groups, _thirds(groups)).train()
    pared(inputs).square().sum().backward()
    assert all(parameter.grad is not None for parameter in pared.parameters())


def test_a_cut_by_hand() -> None:
    """Two neurons of three: the rows of the first layer and the columns of the second."""
    first, second = nn.Linear(1, 3), nn.Linear(3, 1, bias=False)
    first.weight.data, first.bias.data = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([4.0, 5.0, 6.0])
    second.weight.data = torch.tensor([[10.0, 20.0, 30.0]])
    model, inputs = nn.Sequential(first, nn.ReLU(), second), torch.ones(2, 1)
    groups = find_groups(model, inputs)
    assert groups[0] == Group(0, 3, (Place("0", "out", 0, 1), Place("2", "in", 0, 1)), None)
    pared: Any = cut(model, groups, {0: [0, 2]})
    assert pared(inputs).tolist() == [[10.0 * (1 + 4) + 30.0 * (3 + 6)]] * 2
    assert (pared[0].out_features, pared[2].in_features) == (2, 2)
    assert model(inputs).tolist() == [[10.0 * 5 + 20.0 * 7 + 30.0 * 9]] * 2


def test_residual_additions_couple_layers() -> None:
    groups = find_groups(*networks.residual(0))
    assert [group.layers("out") for group in groups if not group.frozen] == [
        ("0.0", "1.outside.0", "2.outside.0"),
        ("1.inside.0",),
        ("2.inside.0",),
    ]


def test_concatenation_and_flattening_shift_and_widen() -> None:
    found = _by_layer(find_groups(*networks.concatenation(0)))
    assert Place("both.0", "in", 16, 1) in found["right"].places
    assert Place("norm", "through", 16, 1) in found["right"].places
    assert Place("head", "in", 0, 1) in found["left.0"].places
    flat = _by_layer(find_groups(*networks.flattened(0)))
    assert Place("hidden", "in", 0, 16) in flat["features.0.0"].places


def test_a_padded_shortcut_freezes_the_stream_and_leaves_the_insides() -> None:
    model = resnet20((3, 32, 32), 10)
    groups = find_groups(model, torch.zeros(2, 3, 32, 32))
    free = [group for group in groups if not group.frozen]
    assert [group.layers("out") for group in free] == [
        (f"layer{stage}.{block}.conv1",) for stage in (1, 2, 3) for block in (0, 1, 2)
    ]
    frozen = _by_layer(groups)
    assert "pad in layer layer2.0" in str(frozen["conv1"].frozen)
    assert "pad in layer layer3.0" in str(frozen["layer3.2.conv2"].frozen)
    inputs = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert difference(model, groups, {group.id: list(range(8)) for group in free}, inputs) < 1e-5


Way = Callable[[Any, Tensor], Tensor]
FOLLOWED: dict[str, Way] = {
    "a layer called twice": lambda m, x: m.c(m.b(m.b(m.a(x)).relu()).mean((2, 3))),
    "channels last": lambda m, x: m.c(m.b(m.a(x)).permute(0, 2, 3, 1).flatten(1, 2)[:, 0]),
    "tokens": lambda m, x: m.c(functional.silu(m.b(m.a(x))).flatten(2).transpose(1, 2)[:, 0]),
    "kept axes": lambda m, x: m.c((m.b(m.a(x)) * m.a(x)).amax(dim=[-1, -2], keepdim=True)[:, :, 0, 0]),
    "new axes": lambda m, x: m.c((m.b(m.a(x)) * m.a(x).mean((2, 3))[:, :, None, None]).mean((2, 3))),
    "a new axis before": lambda m, x: m.c(m.b(m.a(x)).mean((2, 3))[:, None])[:, 0],
    "sizes": lambda m, x: m.c(m.b(m.a(x).mean((2, 3)).view(x.size(0), m.a(x).size(1), 1, 1)).flatten(1)),
    "padding of pixels": lambda m, x: m.c(m.b(functional.pad(m.a(x), (1, 1, 2, 2))).mean((2, 3))),
    "pixels of size one": lambda m, x: m.c(m.b(m.a(x) * x[:, :1]).mean((2, 3))),
    "resizing": lambda m, x: m.c(functional.interpolate(m.b(m.a(x)), scale_factor=2).mean((2, 3))),
}
FROZEN: dict[str, tuple[str, Way]] = {
    "softmax": ("method softmax", lambda m, x: m.c(m.b(m.a(x).softmax(1)).mean((2, 3)))),
    "a slice": ("function getitem", lambda m, x: m.c(m.b(m.a(x)[:, :8]).mean((2, 3)))),
    "halves": ("method chunk", lambda m, x: m.c(m.b(torch.cat(m.a(x).chunk(2, 1), 1)).mean((2, 3)))),
    "a shuffle": (
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


def _network(way: Way) -> tuple[nn.Module, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = {"a": nn.Conv2d(3, 8, 1), "b": nn.Conv2d(8, 8, 1), "c": nn.Linear(8, 5)}
        return Written(way, **layers).eval(), torch.randn(4, 3, 8, 8)


@pytest.mark.parametrize("way", FOLLOWED)
def test_operations_that_are_followed(way: str) -> None:
    model, inputs = _network(FOLLOWED[way])
    groups = find_groups(model, inputs)
    found = _by_layer(groups)
    assert found["a"].frozen is None
    assert found["b"].frozen is None
    assert difference(model, groups, _thirds(groups), inputs) < 1e-5


@pytest.mark.parametrize("way", FROZEN)
def test_operations_that_are_not_followed_freeze_what_meets_them(way: str) -> None:
    words, forward = FROZEN[way]
    model, inputs = _network(forward)
    groups = find_groups(model, inputs)
    assert any(words in str(group.frozen) for group in groups)
    assert difference(model, groups, _thirds(groups), inputs) < 1e-5


def test_shared_weights_and_strange_parameters_are_left_alone() -> None:
    tied = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    tied[2].weight = tied[0].weight
    found = _by_layer(find_groups(tied, torch.zeros(2, 6)))
    assert "shares weights with 2" in str(found["0"].frozen)
    gained = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    gained[0].register_parameter("gain", nn.Parameter(torch.ones(6)))
    assert "parameter gain" in str(_by_layer(find_groups(gained, torch.zeros(2, 6)))["0"].frozen)
    normed = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    parametrizations.weight_norm(normed[0])
    assert all(group.frozen for group in find_groups(normed, torch.zeros(2, 6)))


def test_one_channel_that_is_spread_over_the_others() -> None:
    """A map of attention: its one channel stays, those that it weighs are free."""
    layers = {"a": nn.Conv2d(3, 8, 1), "d": nn.Conv2d(8, 1, 1), "c": nn.Linear(8, 5)}
    model = Written(lambda m, x: m.c((m.a(x) * m.d(m.a(x)).sigmoid()).mean((2, 3))), **layers).eval()
    inputs = _network(FOLLOWED["tokens"])[1]
    groups = find_groups(model, inputs)
    assert [group.layers("out") for group in groups if not group.frozen] == [("a",)]
    assert difference(model, groups, _thirds(groups), inputs) < 1e-5


def test_channels_beside_the_input() -> None:
    """The input's channels stay; those before and behind them shift with the cut."""
    layers = {"a": nn.Conv2d(3, 8, 1), "b": nn.Conv2d(19, 6, 1), "c": nn.Linear(6, 5)}
    way: Way = lambda m, x: m.c(m.b(torch.cat([m.a(x), x, m.a(x)], dim=-3)).mean((2, 3)))  # noqa: E731
    model, inputs = Written(way, **layers).eval(), _network(FOLLOWED["tokens"])[1]
    groups = find_groups(model, inputs)
    places = (Place("a", "out", 0, 1), Place("b", "in", 0, 1), Place("b", "in", 11, 1))
    assert _by_layer(groups)["a"] == Group(0, 8, places, None)
    assert difference(model, groups, _thirds(groups), inputs) < 1e-5


def test_a_number_that_depends_on_the_width_is_noticed() -> None:
    model, inputs = _network(lambda m, x: m.c((m.b(m.a(x)) / m.a(x).shape[1]).mean((2, 3))))
    groups = find_groups(model, inputs)
    assert difference(model, groups, _thirds(groups), inputs) > 1e-2


def test_what_cannot_be_traced_is_named() -> None:
    with pytest.raises(TraceError, match=r"the network Undecided could not be traced: .*control flow"):
        find_groups(*networks.undecided(0))
    inner, inputs = networks.undecided(0)
    with pytest.raises(TraceError, match="layer 1 could not be traced"):
        find_groups(nn.Sequential(nn.Linear(12, 12), inner), inputs)
    pruned, rows = networks.mlp(0)
    prune.l1_unstructured(pruned.get_submodule("1"), "weight", 0.5)  # its weight is no leaf: torch cannot copy it
    with pytest.raises(TraceError, match="the network Sequential could not be traced"):
        find_groups(pruned, rows)
    with pytest.raises(TraceError, match="layer c takes no part"):
        find_groups(*_network(lambda m, x: m.b(m.a(x))))
    with pytest.raises(TraceError, match="gives a tuple"):
        find_groups(*_network(lambda m, x: (m.b(m.a(x)), m.c(m.a(x)))))  # type: ignore[arg-type, return-value]
    with pytest.raises(TraceError, match="does not run on its data"):
        find_groups(networks.mlp(0)[0], torch.zeros(2, 3))


def test_arguments_with_defaults_go_their_usual_way() -> None:
    class Masked(nn.Sequential):
        def forward(self, inputs: Tensor, mask: Tensor | None = None, scale: bool = True) -> Tensor:
            outputs: Tensor = super().forward(inputs)
            return outputs * mask if mask is not None else outputs

    model = Masked(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    assert [group.frozen is None for group in find_groups(model, torch.zeros(2, 6))] == [True, False]


def test_a_group_never_loses_all_its_channels() -> None:
    model, inputs = networks.mlp(0)
    groups = find_groups(model, inputs)
    with pytest.raises(ValueError, match=r"layer 0\.0: 32 of 32 channels cannot go"):
        cut(model, groups, {0: []})
