"""The average of networks: of probabilities, of logits, and of numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.kernels.training.averaged_network import AveragedNetwork, average_answers

FIRST, SECOND = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]]), torch.tensor([[0.0, 3.0, 1.0], [5.0, 0.0, 0.0]])


def test_probabilities_are_averaged() -> None:
    found = average_answers([FIRST, SECOND], [0.25, 0.75], of_probabilities=True)
    wanted = 0.25 * FIRST.softmax(1) + 0.75 * SECOND.softmax(1)
    torch.testing.assert_close(found.softmax(1), wanted)
    torch.testing.assert_close(found.exp(), wanted)


def test_logits_are_averaged() -> None:
    found = average_answers([FIRST, SECOND], [0.25, 0.75], of_probabilities=False)
    torch.testing.assert_close(found, 0.25 * FIRST + 0.75 * SECOND)


def test_members_that_are_sure_of_different_classes_answer_with_finite_logits() -> None:
    sure = torch.tensor([[3000.0, 0.0]])
    found = average_answers([sure, -sure], [0.5, 0.5], of_probabilities=True)
    assert found.isfinite().all()
    assert found.softmax(1)[0].tolist() == pytest.approx([0.5, 0.5])


def test_the_network_answers_with_the_average_of_its_members() -> None:
    members = [nn.Linear(4, 3), nn.Linear(4, 3)]
    network, batch = AveragedNetwork(members, [0.5, 0.5], of_probabilities=False), torch.rand(5, 4)
    torch.testing.assert_close(network(batch), (members[0](batch) + members[1](batch)) / 2)
    assert list(network.state_dict()) == [
        *("members.0.weight", "members.0.bias", "members.1.weight", "members.1.bias"),
    ]
