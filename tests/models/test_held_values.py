"""Held values: what a network holds, and in what two networks differ."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tasks.models.held_values import differing, held, unsaved


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("steps", torch.arange(3), persistent=False)
        self.gains, self.name, self.table = {"a": [1.0, float("nan")]}, "x", np.ones(2)


def test_what_is_outside_the_state_dict_is_told_by_its_place() -> None:
    network = nn.Sequential(Holder())
    found = unsaved(network)
    own = [name for name in found if name.endswith("Holder")]
    assert own == ["'0.steps' of Holder", "'0.gains' of Holder", "'0.name' of Holder", "'0.table' of Holder"]
    assert set(held(network)) - set(found) == {"'0.layer.weight'", "'0.layer.bias'"}


def test_copies_do_not_follow_the_network() -> None:
    network = Holder()
    before = unsaved(network)
    assert differing(before, unsaved(network)) == []
    network.steps += 1
    network.gains["a"][0] = 2.0
    network.table[0] = 5
    assert differing(before, unsaved(network)) == ["'steps' of Holder", "'gains' of Holder", "'table' of Holder"]
