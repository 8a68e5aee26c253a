"""Draws: turns by epoch, and whole numbers where the batch has them."""

from __future__ import annotations

import pytest
import torch

from tasks.kernels.training.draws import Draws, as_dtype


def turns(epoch: int, examples: torch.Tensor, number: int = 0) -> torch.Tensor:
    return Draws(torch.Generator(), examples, epoch).turns(examples, number)


def test_every_example_takes_turns_and_half_of_them_begin() -> None:
    examples = torch.arange(10_000)
    first = turns(1, examples)
    assert torch.equal(turns(2, examples), ~first)
    assert torch.equal(turns(3, examples), first)
    assert 4800 <= int(first.sum()) <= 5200
    assert abs(int((first[1:] == first[:-1]).sum()) - 5000) < 200


def test_turns_depend_on_the_example_not_on_its_place_in_the_batch() -> None:
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(turns(4, order), turns(4, torch.arange(1000))[order])
    other = turns(4, torch.arange(1000), number=1)
    assert 400 <= int((other == turns(4, torch.arange(1000))).sum()) <= 600


def test_examples_without_a_number_take_no_turns() -> None:
    with pytest.raises(ValueError, match="known numbers"):
        Draws(torch.Generator()).turns(torch.zeros(2))


def test_values_become_the_batchs_dtype() -> None:
    values = torch.tensor([-3.4, 1.6, 300.0])
    assert as_dtype(torch.zeros(1, dtype=torch.uint8), values).tolist() == [0, 2, 255]
    assert as_dtype(torch.zeros(1, dtype=torch.int64), values).tolist() == [-3, 2, 300]
    assert torch.equal(as_dtype(torch.zeros(1), values), values)
