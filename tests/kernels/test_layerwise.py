"""Layerwise reconstruction: layers find their counterparts, a compressed network gets its answers back untrained."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from tasks.architectures import resnet
from tasks.kernels.graph.layer_chains import find_chains, pair
from tasks.kernels.graph.residual_blocks import remove
from tasks.kernels.graph.tracing import TraceError, trace
from tasks.kernels.reconstruction.layerwise import examples_in_memory, kept_outputs, reconstruct
from tasks.techniques import Channels, LowRank

PICTURES = torch.randn(256, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def network(depth: int = 14) -> nn.Module:
    """Random weights, statistics that suit the pictures."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = resnet((3, 8, 8), 5, depth=depth, width=16)
        model.train()(PICTURES)
    return model.eval()


def gap(student: nn.Module, teacher: nn.Module) -> float:
    """Mean squared difference of the answers to other pictures, over the teacher's variance."""
    others = torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, got = teacher.eval()(others), student.eval()(others)
    return float((got - wanted).square().mean() / wanted.var())


def halved(model: nn.Module) -> tuple[nn.Module, dict[str, list[int]]]:
    technique = Channels(sparsity=0.5, multiple=4)
    plan = technique.plan(model, [(PICTURES[:8], torch.zeros(8))])
    return technique.apply(model, plan), kept_outputs(model, [plan["cuts"]])


def test_cut_channels_are_made_up_for() -> None:
    teacher = network()
    student, kept = halved(teacher)
    before = gap(student, teacher)
    done = reconstruct(student, teacher, PICTURES, kept)
    assert done.left_alone == {}
    assert done.layers[0] == "conv1"
    assert done.layers[-1] == "linear"
    assert gap(student, teacher) < 0.6 * before


def test_removed_blocks_are_made_up_for() -> None:
    teacher = network()
    student = remove(teacher, ["layer1.1", "layer3.1"])
    before = gap(student, teacher)
    done = reconstruct(student, teacher, PICTURES, {})
    assert "layer3.0.conv2" in done.layers
    assert gap(student, teacher) < 0.6 * before


def test_a_network_that_lost_nothing_stays_what_it_is_and_so_does_its_teacher() -> None:
    teacher = network()
    student, before = copy.deepcopy(teacher), copy.deepcopy(teacher.state_dict())
    reconstruct(student, teacher, PICTURES, {})
    assert gap(student, teacher) < 1e-4
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())
    assert not any(module._forward_hooks for module in student.modules())


def test_it_is_deterministic_and_takes_no_global_randomness() -> None:
    teacher = network()
    students = [remove(teacher, ["layer2.1"]) for _ in range(2)]
    state = torch.random.get_rng_state()
    for student in students:
        reconstruct(student, teacher, PICTURES, {})
    assert torch.equal(state, torch.random.get_rng_state())
    first, second = (student.state_dict() for student in students)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_layer_before_a_removed_block_aims_at_what_came_out_of_it() -> None:
    teacher = network()
    guide = trace(teacher, PICTURES[:2])
    pairs, _ = pair(trace(remove(teacher, ["layer1.1"]), PICTURES[:2]), guide, {})
    ends = {name: chain.end for name, chain in find_chains(guide).items()}
    assert pairs["layer1.0.conv2"][1] is ends["layer1.1.conv2"]
    assert pairs["layer2.0.conv2"][1] is ends["layer2.0.conv2"]


def test_an_addition_belongs_to_the_chain_that_comes_last() -> None:
    chains = find_chains(trace(network(), PICTURES[:2]))
    assert chains["layer1.0.conv2"].shortcut is not None
    assert chains["layer1.0.conv1"].shortcut is None
    assert chains["linear"].norm is None

    class Forked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, values: Tensor) -> Tensor:
            return self.left(values) + self.right(values)

    found = find_chains(trace(Forked(), torch.zeros(2, 4)))
    assert (found["left"].shortcut, found["right"].shortcut) == (None, found["left"].end)


def test_channels_that_were_cut_twice_are_traced_back() -> None:
    teacher = nn.Sequential(nn.Linear(3, 6), nn.Linear(6, 2))
    place = [["0", "out", 0, 1], ["1", "in", 0, 1]]
    first = {"keep": [0, 2, 3, 5], "of": 6, "places": place}
    second = {"keep": [1, 3], "of": 4, "places": place}
    assert kept_outputs(teacher, [[first], [second]]) == {"0": [2, 5]}
    # Two channels, each two positions wide, behind two that no group holds.
    wide = {"keep": [1], "of": 2, "places": [["0", "out", 2, 2]]}
    assert kept_outputs(teacher, [[wide]]) == {"0": [0, 1, 4, 5]}


def test_layers_without_a_counterpart_are_left_alone_with_a_reason() -> None:
    teacher = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2))
    student = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    done = reconstruct(student, teacher, torch.randn(20, 3), {})
    assert done.layers == ("2",)
    assert done.left_alone == {"0": "it is not known which of the teacher's outputs are its own"}


def test_activations_in_place_do_no_harm() -> None:
    teacher = nn.Sequential(nn.Linear(3, 8), nn.ReLU(inplace=True), nn.Linear(8, 8), nn.ReLU(inplace=True)).eval()
    student, inputs = copy.deepcopy(teacher), torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        student[0].weight *= 0.5
    reconstruct(student, teacher, inputs, {}, ridge=1e-9)
    torch.testing.assert_close(student(inputs), teacher(inputs), atol=1e-3, rtol=0)


def test_what_cannot_be_traced_says_so() -> None:
    class Undecided(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, values: Tensor) -> Tensor:
            return self.layer(values) if values.sum() > 0 else values

    with pytest.raises(TraceError):
        reconstruct(Undecided(), Undecided(), torch.randn(4, 3), {})


def test_memory_bounds_the_examples() -> None:
    """The largest activation of one picture: 16 channels of 8 x 8."""
    assert examples_in_memory(network(), PICTURES[:2], numbers=10 * 16 * 64) == 10


def test_the_last_part_of_a_split_layer_has_its_name() -> None:
    teacher = network()
    technique = LowRank(energy=0.5, ranks="energy")
    student = technique.apply(teacher, technique.plan(teacher, [(PICTURES[:8], torch.zeros(8))]))
    before = gap(student, teacher)
    done = reconstruct(student, teacher, PICTURES, {})
    assert "layer3.1.conv2.2" in done.layers
    assert "layer3.1.conv2.1" in done.left_alone
    assert gap(student, teacher) < 0.6 * before
