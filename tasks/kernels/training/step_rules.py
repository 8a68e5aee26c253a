"""Step rules: how the gradients of one or several batches become one step of an optimizer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from tasks.kernels.training.weight_average import WeightAverage


@dataclass(frozen=True)
class StepRules:
    """How a training makes its steps."""

    precision: torch.dtype = torch.float32
    """Arithmetic of the forward pass; weights stay in float32."""
    accumulate: int = 1
    """Number of batches whose gradients are averaged, by examples, for one step."""
    clip_norm: float | None = None
    """The norm of all gradients together is lowered to this where it is higher (Pascanu et al., 2013)."""
    l1: float = 0.0
    """Factor of the sum of absolute weights that is added to what is minimized: of parameters with two and more
    dimensions. The reported loss is without it."""
    average: WeightAverage | None = None
    """Is updated after each step."""

    def take_step(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """One step with the gradients that the parameters hold."""
        parameters = [each for group in optimizer.param_groups for each in group["params"] if each.grad is not None]
        if self.l1:
            for each in parameters:
                if each.dim() > 1:
                    each.grad.add_(each.detach().sign(), alpha=self.l1)
        if self.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, self.clip_norm)
        optimizer.step()
        if self.average:
            self.average.update(model)
