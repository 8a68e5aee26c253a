"""Memory: a batch that does not fit is named before the first step, with one that does."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from support.small_trainings import network, pictures, same, state
from torch import nn

from tasks.core import InputError
from tasks.kernels.training.batch_memory import is_surely_small, kept_bytes, largest_batch
from tasks.training.speed.memory import check_memory, too_large
from tasks.training.train import train
from tasks.training.train_spec import TrainSpec

MIB = 2**20


def test_what_a_network_keeps_for_its_backward_pass() -> None:
    """The input of each layer, 4 bytes a number; the second layer's is the ReLU's output, which is kept once."""
    model = nn.Sequential(nn.Linear(10, 100), nn.ReLU(), nn.Linear(100, 1))
    assert kept_bytes(model, torch.zeros(4, 10)) == 4 * (10 + 100)


def test_the_network_is_as_it_was() -> None:
    model = network()
    before, drawn = state(model), torch.random.get_rng_state()
    kept_bytes(model, torch.zeros(2, 1, 6, 6))
    assert same(before, state(model))
    assert model.training
    assert torch.equal(drawn, torch.random.get_rng_state())


def test_the_largest_batch_is_a_power_of_two() -> None:
    assert largest_batch(MIB, 100 * MIB) == 64
    assert largest_batch(MIB, 2 * MIB) == 1
    assert largest_batch(MIB, MIB) == 0
    assert is_surely_small(torch.zeros(2, 10), 128, 10 * MIB)
    assert not is_surely_small(torch.zeros(2, 10), 128, 5 * MIB)


def test_a_batch_that_does_not_fit_is_named_with_one_that_does() -> None:
    model, data = network(), pictures()
    kept = kept_bytes(model, data.transform(data.inputs[:2]))
    with pytest.raises(InputError) as caught:
        check_memory(model, data, TrainSpec(batch_size=64), free=round(20 * kept))
    assert str(caught.value).startswith("train.batch_size: must fit into memory: 64 examples take about ")
    assert str(caught.value).endswith("on cpu, but got 64; nearest valid choice: 16 with train.accumulate: 4")
    check_memory(model, data, TrainSpec(batch_size=64), free=round(100 * kept))


def test_where_one_example_does_not_fit_the_network_is_too_large() -> None:
    found = too_large(network(), pictures(), TrainSpec(batch_size=64), kept=MIB, free=MIB)
    assert found.nearest == "a smaller network"


def test_a_gpu_without_memory_is_named() -> None:
    class Full(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(36, 2)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            if len(inputs) > 40:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return self.layer(inputs.flatten(1))

    data = dataclasses.replace(pictures(), validation_inputs=pictures().validation_inputs[:8])
    with pytest.raises(InputError, match=r"train\.batch_size: must fit into memory: 64 examples") as caught:
        train(Full(), data, TrainSpec(batch_size=64))
    assert caught.value.nearest == "32 with train.accumulate: 2"
