"""Weight transfer: the leading part of what is no larger, by name."""

from __future__ import annotations

import torch
from torch import nn

from tasks.architectures import resnet20
from tasks.kernels.training.weight_transfer import inherit_weights


def test_leading_channels_are_copied_and_named() -> None:
    teacher, student = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    inherited, kept = inherit_weights(student, teacher)
    assert inherited == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert kept == {"0": [0, 1]}
    assert torch.equal(student[0].weight, teacher[0].weight[:2])
    assert torch.equal(student[1].weight, teacher[1].weight[:, :2])
    assert torch.equal(student[1].bias, teacher[1].bias)


def test_what_is_larger_or_has_another_name_or_shape_keeps_its_own() -> None:
    teacher = nn.ModuleDict({"a": nn.Linear(3, 4), "b": nn.Linear(3, 4), "c": nn.Conv2d(3, 4, 1)})
    student = nn.ModuleDict({"a": nn.Linear(3, 5), "c": nn.Linear(3, 4), "d": nn.Linear(3, 4)})
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    inherited, kept = inherit_weights(student, teacher)
    assert (inherited, kept) == (["c.bias"], {})
    assert all(torch.equal(before[name], tensor) for name, tensor in student.state_dict().items() if name != "c.bias")


def test_a_network_of_the_same_kind_inherits_everything() -> None:
    teacher, student = resnet20((3, 32, 32), 10, width=16), resnet20((3, 32, 32), 10, width=8)
    inherited, kept = inherit_weights(student, teacher)
    assert inherited == list(student.state_dict())
    assert kept["layer3.2.conv2"] == list(range(32))
    assert "linear" not in kept
