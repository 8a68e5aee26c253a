"""Which channels stand or fall together, and which are left alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support import networks
from support.channel_cuts import Forward, by_layer, thirds, written
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

from tasks.architectures import resnet20
from tasks.kernels.graph.channel_groups import Group, Place
from tasks.kernels.graph.tracing import TraceError
from tasks.kernels.pruning.dependency_groups import find_groups
from tasks.kernels.pruning.surgery import cut_channels, difference


def test_residual_additions_couple_layers() -> None:
    groups = find_groups(*networks.residual(0))
    assert [group.layers("out") for group in groups if not group.frozen] == [
        ("0.0", "1.outside.0", "2.outside.0"),
        ("1.inside.0",),
        ("2.inside.0",),
    ]


def test_concatenation_and_flattening_shift_and_widen() -> None:
    found = by_layer(find_groups(*networks.concatenation(0)))
    assert Place("both.0", "in", 16, 1) in found["right"].places
    assert Place("norm", "through", 16, 1) in found["right"].places
    assert Place("head", "in", 0, 1) in found["left.0"].places
    flat = by_layer(find_groups(*networks.flattened(0)))
    assert Place("hidden", "in", 0, 16) in flat["features.0.0"].places


def _network(forward: Forward) -> tuple[nn.Module, Tensor]:
    return written(forward, a=lambda: nn.Conv2d(3, 8, 1), b=lambda: nn.Conv2d(8, 8, 1), c=lambda: nn.Linear(8, 5))


def test_shared_weights_and_strange_parameters_are_left_alone() -> None:
    tied = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    tied[2].weight = tied[0].weight
    found = by_layer(find_groups(tied, torch.zeros(2, 6)))
    assert "shares weights with 2" in str(found["0"].frozen)
    gained = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    gained[0].register_parameter("gain", nn.Parameter(torch.ones(6)))
    assert "parameter gain" in str(by_layer(find_groups(gained, torch.zeros(2, 6)))["0"].frozen)
    normed = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    parametrizations.weight_norm(normed[0])
    assert all(group.frozen for group in find_groups(normed, torch.zeros(2, 6)))


def test_one_channel_that_is_spread_over_the_others() -> None:
    """A map of attention: its one channel stays, those that it weighs are free."""
    layers = {"a": lambda: nn.Conv2d(3, 8, 1), "d": lambda: nn.Conv2d(8, 1, 1), "c": lambda: nn.Linear(8, 5)}
    model, inputs = written(lambda m, x: m.c((m.a(x) * m.d(m.a(x)).sigmoid()).mean((2, 3))), **layers)
    groups = find_groups(model, inputs)
    assert [group.layers("out") for group in groups if not group.frozen] == [("a",)]
    assert difference(model, groups, thirds(groups), inputs) < 1e-5


def test_channels_beside_the_input() -> None:
    """The input's channels stay; those before and behind them shift with the cut."""
    layers = {"a": lambda: nn.Conv2d(3, 8, 1), "b": lambda: nn.Conv2d(19, 6, 1), "c": lambda: nn.Linear(6, 5)}
    model, inputs = written(lambda m, x: m.c(m.b(torch.cat([m.a(x), x, m.a(x)], dim=-3)).mean((2, 3))), **layers)
    groups = find_groups(model, inputs)
    places = (Place("a", "out", 0, 1), Place("b", "in", 0, 1), Place("b", "in", 11, 1))
    assert by_layer(groups)["a"] == Group(0, 8, places, None)
    assert difference(model, groups, thirds(groups), inputs) < 1e-5


def test_what_the_graph_does_not_show_is_found_by_a_trial() -> None:
    """One layer's channels are counted in the code, the other's are free."""
    model, inputs = _network(lambda m, x: m.c((m.b(m.a(x)) / m.a(x).shape[1]).mean((2, 3))))
    found = by_layer(find_groups(model, inputs))
    assert "cutting a changes more than their channels" in str(found["a"].frozen)
    assert found["b"].frozen is None
    model, inputs = _network(lambda m, x: m.c(m.b(m.a(x)).mean((2, 3)).view(-1, m.a(x).shape[1])))
    found = by_layer(find_groups(model, inputs))  # cut alike, the two would run
    assert all(f"does not run once {layer} are cut" in str(found[layer].frozen) for layer in "ab")


def test_code_for_a_fixed_number_of_examples_is_tried_on_all_of_them() -> None:
    layers = {"a": lambda: nn.Conv2d(3, 8, 1), "c": lambda: nn.Linear(8, 5)}
    model, inputs = written(lambda m, x: m.c(m.a(x).view(12, -1, 64).mean(2)), (12, 3, 8, 8), **layers)
    assert by_layer(find_groups(model, inputs))["a"].frozen is None


def test_zeros_around_channels_freeze_what_meets_them_and_couple_the_rest() -> None:
    """Option A: the narrow stage's channels lie in the middle of the wide one's."""
    found = find_groups(*networks.residual_lambda(0))
    free = [group for group in found if not group.frozen]
    outs = [(place.layer, place.start) for place in free[0].places if place.side == "out"]
    assert (len(free), free[0].channels) == (1, 8)
    assert outs == [("0.0", 0), ("1.inside.0", 4), ("2.inside.0", 12)]
    frozen = [group for group in found if "the fixed number that the function pad" in str(group.frozen)]
    assert [(group.channels, group.places[0]) for group in frozen] == [
        (4, Place("1.inside.0", "out", 0, 1)),
        (4, Place("1.inside.0", "out", 12, 1)),
        (8, Place("2.inside.0", "out", 0, 1)),
        (8, Place("2.inside.0", "out", 24, 1)),
    ]


def test_resnet20_can_be_cut_along_its_stream() -> None:
    model = resnet20((3, 32, 32), 10)
    inputs = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    groups = find_groups(model, inputs)
    free = [group for group in groups if not group.frozen]
    ends = [f"layer{stage}.{block}.conv2" for stage in (1, 2, 3) for block in (0, 1, 2)]
    insides = [(f"layer{stage}.{block}.conv1",) for stage in (1, 2, 3) for block in (0, 1, 2)]
    assert [group.layers("out") for group in free] == [("conv1", *ends), *insides]
    assert difference(model, groups, {group.id: range(8) for group in free}, inputs) < 1e-5
    narrow: Any = cut_channels(model, groups, {free[0].id: range(0, 16, 2)})
    assert [narrow.get_submodule(f"layer{stage}.0.conv2").out_channels for stage in (1, 2, 3)] == [8, 24, 56]


def test_channels_of_equal_groups_leave_together() -> None:
    """Two norm groups lose the same positions; sixteen small ones, and eight of a convolution, go as wholes."""
    found = by_layer(find_groups(*networks.group_norm(0)))
    assert (found["0"].channels, found["0"].span) == (8, 2)
    assert found["0"].places[:2] == (Place("0", "out", 0, 1), Place("0", "out", 8, 1))
    assert (found["3"].channels, found["3"].places[0]) == (16, Place("3", "out", 0, 2))
    narrow = by_layer(find_groups(*networks.grouped_narrow(0)))["1.0"]
    assert narrow.places[:2] == (Place("0.0", "out", 0, 2), Place("1.0", "out", 0, 4))
    wide = by_layer(find_groups(*networks.grouped(0)))
    assert [(group.channels, group.span) for group in (wide["0.0"], wide["1.0"])] == [(8, 2), (8, 2)]


class Tokens(nn.Module):
    """A class token, places and a scale: parameters that meet the channels of a stream, and one that does not."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.mixed, self.head = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 8), nn.Linear(8, 5)
        self.first, self.places = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(5, 8))
        self.scale, self.weights = nn.Parameter(torch.randn(8)), nn.Parameter(torch.randn(1, 5, 1))

    def forward(self, images: Tensor) -> Tensor:
        stream = torch.cat(
            [self.first.expand(images.shape[0], -1, -1), self.patch(images).flatten(2).transpose(1, 2)], 1
        )
        stream = stream + self.places + self.scale * self.mixed(stream)
        outputs: Tensor = self.head((stream * self.weights).sum(1))
        return outputs


def test_parameters_of_a_stream_are_cut_with_it() -> None:
    torch.manual_seed(0)
    model, inputs = Tokens().eval(), torch.randn(4, 3, 8, 8)
    groups = find_groups(model, inputs)
    stream = by_layer(groups)["patch"]
    assert (stream.frozen, stream.layers("out")) == (None, ("patch", "mixed"))
    assert stream.layers("tensor") == ("first", "places", "scale")
    assert difference(model, groups, {stream.id: [0, 2, 5]}, inputs) < 1e-5
    narrow: Any = cut_channels(model, groups, {stream.id: [0, 2, 5]})
    assert torch.equal(narrow.places, model.places[:, [0, 2, 5]])
    assert [tuple(tensor.shape) for tensor in (narrow.first, narrow.scale, narrow.weights)] == [
        (1, 1, 3),
        (3,),
        (1, 5, 1),
    ]


def test_heads_are_one_channel_each() -> None:
    heads = by_layer(find_groups(*networks.heads(0)))["mixed"]
    mixed = tuple(Place("mixed", "out", start, 4) for start in (0, 16, 32))
    assert heads == Group(1, 4, (*mixed, Place("out", "in", 0, 4)), None)
    fixed = by_layer(find_groups(*networks.heads_fixed(0)))
    assert "flow into the method reshape, which is written for their present number" in str(fixed["mixed"].frozen)
    torchs = by_layer(find_groups(*networks.multihead(0)))["around.query"]
    parts = tuple(Place(f"around.{part}", "out", 0, 4) for part in ("query", "key", "value"))
    assert torchs.places == (*parts, Place("around.out_proj", "in", 0, 4))


@pytest.mark.parametrize("kernel", ["scaled_dot_product_attention", "matmul"])
def test_heads_in_other_words(kernel: str) -> None:
    """The width of a head is free where values pass, and stays where queries meet keys."""

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if kernel == "matmul":
            return torch.matmul(nn.Softmax(-1)(torch.matmul(q, k.transpose(2, 3))), v)
        return functional.scaled_dot_product_attention(q, k, v)

    def by_width(m: Any, x: Tensor) -> Tensor:
        q, k, v = (layer(x).unflatten(2, (-1, 4)).transpose(1, 2) for layer in (m.q, m.k, m.v))
        return m.o(attend(q, k, v).transpose(1, 2).flatten(2))[:, 0]

    def fixed(m: Any, x: Tensor) -> Tensor:
        q, k, v = (layer(x).view(4, 6, 4, -1).transpose(1, 2) for layer in (m.q, m.k, m.v))
        return m.o(attend(q, k, v).transpose(1, 2).reshape(4, 6, -1))[:, 0]

    layers = {name: lambda: nn.Linear(12, 16) for name in "qkv"} | {"o": lambda: nn.Linear(16, 5)}
    model, inputs = written(by_width, (4, 6, 12), **layers)
    groups = find_groups(model, inputs)
    assert [(group.channels, group.layers("out")) for group in groups if not group.frozen] == [(4, ("q", "k", "v"))]
    assert difference(model, groups, thirds(groups), inputs) < 1e-5
    model, inputs = written(fixed, (4, 6, 12), **layers)
    groups = find_groups(model, inputs)
    assert [(group.channels, group.span, group.layers("out")) for group in groups if not group.frozen] == [
        (4, 4, ("v",))
    ]
    assert "which sums over them" in str(by_layer(groups)["q"].frozen)
    assert difference(model, groups, thirds(groups), inputs) < 1e-5


def test_a_masked_encoder_is_left_alone() -> None:
    def masked(m: Any, x: Tensor) -> Tensor:
        return m.head(m.after(m.inside(m.embed(x), src_key_padding_mask=x.sum(2) > 99))[:, 0])

    def inside() -> nn.Module:
        return nn.TransformerEncoder(
            nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 1, enable_nested_tensor=False
        )

    layers = {"embed": lambda: nn.Linear(12, 16), "after": lambda: nn.Linear(16, 8), "head": lambda: nn.Linear(8, 5)}
    groups = find_groups(*written(masked, (4, 6, 12), inside=inside, **layers))
    assert "layer inside (TransformerEncoder), which cannot be followed" in str(by_layer(groups)["embed"].frozen)
    assert [group.layers("out") for group in groups if not group.frozen] == [("after",)]


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
