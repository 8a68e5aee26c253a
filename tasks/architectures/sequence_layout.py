"""Sequence layout: which axis of a sequence holds its steps, and the sequence with its channels first."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from tasks.architectures.argument_checks import check_kind

PLACES = ("auto", "first", "last")


class ChannelsFirst(nn.Module):
    """(batch, steps), (batch, steps, channels) or (batch, channels, steps) → (batch, channels, steps).

    Attributes:
        channels: number of channels of one example.
        steps: number of its steps.
    """

    def __init__(self, input_shape: Sequence[int], channels: str = "auto") -> None:
        """Reads the shape of one example; `auto` takes the longer axis for the steps, of equal ones the first.

        Raises:
            ValueError: `channels` is none of `auto`, `first` and `last`, or the shape is not a sequence's.
        """
        super().__init__()
        check_kind("channels", channels, PLACES)
        if len(input_shape) not in (1, 2):
            law = "input_shape must be (steps,), (steps, channels) or (channels, steps) of a sequence"
            way = "; numbers (count, steps, channels) stay sequences with data.kind array"
            raise ValueError(f"{law}, but got {list(input_shape)}{way if len(input_shape) == 3 else ''}")
        self.is_flat = len(input_shape) == 1
        first, last = (1, *input_shape) if self.is_flat else input_shape
        self.is_last = not self.is_flat and (channels == "last" or (channels == "auto" and first >= last))
        self.channels, self.steps = (last, first) if self.is_last else (first, last)

    def forward(self, sequences: Tensor) -> Tensor:
        """The sequences with their channels on the second axis."""
        if self.is_flat:
            return sequences.unsqueeze(1)
        return sequences.transpose(1, 2) if self.is_last else sequences
