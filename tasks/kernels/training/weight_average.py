"""Weight average: the exponential moving average of a network's weights during training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


class WeightAverage:
    """The exponential moving average of a network's parameters and floating buffers; counters are copied.

    Buffers such as the statistics of batch normalizations are averaged like the weights. In the n-th step the decay is
    at most (1 + n) / (10 + n), so that the starting weights do not count in a short training.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Begins with the model's own weights. `decay` (0..1) is the share that each step keeps."""
        self.decay, self.steps = decay, 0
        self.state: State = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Takes in the model's weights after a step of the optimizer."""
        self.steps += 1
        share = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                self.state[name].lerp_(tensor, share)
            else:
                self.state[name].copy_(tensor)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Inside the context, the model has the averaged weights; afterwards its own."""
        own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(self.state)
        try:
            yield
        finally:
            model.load_state_dict(own)
