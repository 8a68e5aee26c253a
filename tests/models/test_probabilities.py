"""Probabilities: the operation that makes an answer is found, whatever comes after it that changes no value."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tasks.models.probabilities import closing_activation, watch_activations

Forward = Callable[[Tensor], Tensor]


class Custom(nn.Module):
    def __init__(self, answer: Forward) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, batch: Tensor) -> Tensor:
        return self.answer(batch)


def two(probability: Tensor) -> Tensor:
    return torch.cat([1 - probability, probability], 1)


ENDS: dict[str, tuple[Forward, str | None]] = {
    "softmax": (lambda z: z.softmax(1), "softmax"),
    "softmax, cast and reshaped": (lambda z: z.double().softmax(1)[:, :, None].float().squeeze(2), "softmax"),
    "softmax by hand": (lambda z: z.exp() / z.exp().sum(1, keepdim=True), "softmax"),
    "sigmoid": (torch.sigmoid, "sigmoid"),
    "sigmoid in place": (lambda z: (2 * z).sigmoid_(), "sigmoid"),
    "sigmoid and its rest": (lambda z: two(z[:, :1].sigmoid()), "sigmoid"),
    "clamped": (lambda z: z.softmax(1).clamp(0.001, 0.999), "softmax"),
    "logits": (lambda z: z, None),
    "log of the softmax": (lambda z: z.log_softmax(1), None),
    "softmax inside": (lambda z: z.softmax(1) @ torch.ones(3, 3), None),
    "scaled afterwards": (lambda z: z.softmax(1).mul_(4), None),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_last_operation_is_found(name: str) -> None:
    answer, kind = ENDS[name]
    examples = torch.tensor([[0.2, -1.0, 0.5], [2.0, 0.1, 0.3]])
    assert closing_activation(Custom(answer), examples) == kind
    assert examples[0].tolist() == pytest.approx([0.2, -1.0, 0.5])


def test_each_output_has_its_own_maker() -> None:
    class Both(nn.Module):
        def forward(self, batch: Tensor) -> dict[str, Tensor]:
            return {"logits": batch, "shares": batch.softmax(1)}

    answer, seen = watch_activations(Both(), torch.rand(2, 3))
    assert (seen.maker_of(answer["logits"]), seen.maker_of(answer["shares"])) == (None, "softmax")
