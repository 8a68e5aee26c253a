"""The convolutional network for sequences: which axis is which, stages, and it learns a frequency."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.architectures import convnet1d


@pytest.mark.parametrize(
    ("shape", "channels", "expected"),
    [((20,), "auto", 1), ((20, 3), "auto", 3), ((3, 20), "auto", 3), ((20, 20), "auto", 20),
     ((3, 20), "last", 20), ((20, 3), "first", 20)],
)  # fmt: skip
def test_the_longer_axis_is_the_steps(shape: tuple[int, ...], channels: str, expected: int) -> None:
    model = convnet1d(shape, 5, width=4, depth=1, channels=channels)
    assert model[1].in_channels == expected
    assert model(torch.zeros(2, *shape)).shape == (2, 5)


def test_either_order_of_axes_is_the_same_network() -> None:
    torch.manual_seed(0)
    steps_first, channels_first = (convnet1d(shape, 5, width=4, depth=2).eval() for shape in ((20, 3), (3, 20)))
    channels_first.load_state_dict(steps_first.state_dict())
    sequences = torch.randn(2, 20, 3)
    assert torch.equal(steps_first(sequences), channels_first(sequences.transpose(1, 2)))


def test_width_doubles_and_steps_are_pooled() -> None:
    model = convnet1d([64], 5, width=4, depth=3, kernel=5, pool=4)
    assert [layer.out_channels for layer in model if isinstance(layer, nn.Conv1d)] == [4, 4, 8, 8, 16, 16]
    assert model[:-2](torch.zeros(2, 64)).shape == (2, 16, 4)


def test_it_learns_a_frequency() -> None:
    torch.manual_seed(0)
    labels = torch.arange(64) % 2
    phases = torch.rand(64, 1) * 6.28
    waves = torch.sin(torch.arange(32) * (0.4 + 0.8 * labels[:, None]) + phases)
    model = convnet1d([32], 2, width=4, depth=2)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(30):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(waves), labels).backward()
        optimizer.step()
    assert (model.eval()(waves).argmax(1) == labels).float().mean() >= 0.95


@pytest.mark.parametrize(
    ("shape", "arguments", "law"),
    [
        ((7,), {"depth": 4}, "sequences must have at least 8 steps for depth 4 and pool 2, but have 7"),
        ((8,), {"kernel": 4}, r"kernel must be odd \(1, 3, 5, …\), but got 4"),
        ((8,), {"channels": "middle"}, "channels must be one of auto, first, last, but got 'middle'"),
        ((1, 8, 3), {}, r"of a sequence, but got \[1, 8, 3\]; .* stay sequences with data.kind array"),
    ],
)
def test_an_argument_out_of_its_range_is_named(shape: tuple[int, ...], arguments: dict[str, object], law: str) -> None:
    with pytest.raises(ValueError, match=law):
        convnet1d(shape, 5, **arguments)  # type: ignore[arg-type]
