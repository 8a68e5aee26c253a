"""The transformer encoder: tokens, patches, its attention, and any number of examples in the exported file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from tasks.architectures import transformer
from tasks.architectures.transformer import SelfAttention
from tasks.kernels.onnx import description, sessions, torch_export


@pytest.mark.parametrize(
    ("shape", "patch", "tokens", "read"),
    [((16, 3), 0, 16, 3), ((3, 16), 0, 16, 3), ((1000,), 0, 250, 1), ((187,), 2, 94, 1), ((3, 32, 32), 0, 256, 3),
     ((1, 28, 28), 4, 49, 1), ((3, 224, 224), 0, 196, 3), ((3, 9, 14), 4, 12, 3)],
)  # fmt: skip
def test_patches_become_tokens(shape: tuple[int, ...], patch: int, tokens: int, read: int) -> None:
    model = transformer(shape, 5, width=8, depth=1, heads=2, patch=patch)
    assert model.positions.shape == (tokens, 8)
    assert model.patches.in_channels == read
    assert model(torch.zeros(2, *shape)).shape == (2, 5)


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    mine, theirs = SelfAttention(12, heads=3), torch.nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([mine.query.weight, mine.key.weight, mine.value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([mine.query.bias, mine.key.bias, mine.value.bias]))
    theirs.out_proj.load_state_dict(mine.out_proj.state_dict())
    tokens = torch.randn(2, 7, 12)
    torch.testing.assert_close(mine(tokens), theirs(tokens, tokens, tokens)[0])


def test_the_order_of_steps_matters() -> None:
    torch.manual_seed(0)
    model, steps = transformer([6, 2], 5, width=8, depth=1, heads=2).eval(), torch.randn(1, 6, 2)
    assert not torch.allclose(model(steps), model(steps.flip(1)), atol=1e-5)


@pytest.mark.parametrize("shape", [(13, 3), (3, 9, 8)])
def test_the_exported_file_takes_any_number_of_examples(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = transformer(shape, 5, width=8, depth=2, heads=2, patch=4).eval()
    file = torch_export.convert(model, shape).SerializeToString()
    (asked,) = description.describe(file).inputs
    for count in (1, 5):
        batch = torch.randn(count, *shape)
        with torch.no_grad():
            np.testing.assert_allclose(sessions.predict(file, {asked.name: batch.numpy()}), model(batch), atol=1e-5)


def test_it_learns_the_sign_of_one_step() -> None:
    torch.manual_seed(0)
    steps = torch.randn(64, 6, 2)
    labels = (steps[:, 4, 1] > 0).long()
    model = transformer([6, 2], 2, width=16, depth=1, dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        functional.cross_entropy(model(steps), labels).backward()
        optimizer.step()
    assert (model.eval()(steps).argmax(1) == labels).float().mean() >= 0.95


@pytest.mark.parametrize(
    ("arguments", "law"),
    [
        ({"width": 30}, r"width must be a multiple of heads \(4\), but got 30"),
        ({"heads": 0}, "heads must be a whole number of at least 1, but got 0"),
        ({"patch": -1}, "patch must be a whole number of at least 0, but got -1"),
        ({"depth": 0}, "depth must be a whole number of at least 1, but got 0"),
    ],
)
def test_an_argument_out_of_its_range_is_named(arguments: dict[str, object], law: str) -> None:
    with pytest.raises(ValueError, match=law):
        transformer([16, 3], 5, **arguments)  # type: ignore[arg-type]
