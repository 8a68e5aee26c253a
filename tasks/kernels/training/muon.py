"""Muon: an optimizer that orthogonalizes the update of each matrix and of each convolution's filters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic Newton-Schulz iteration (Jordan et al., "Muon: An optimizer for hidden layers in neural networks",
2024): singular values come near 1 in five rounds."""
ROUNDS = 5
MOMENTUM = 0.95
BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Those of AdamW, for the other parameters."""


class Muon(torch.optim.Optimizer):
    """Muon for the groups with `orthogonal: True`, AdamW for all others; weight decay is decoupled in both.

    The update of a matrix has the size that AdamW's usually has (Liu et al., "Muon is Scalable for LLM Training",
    2025), so that both take the same learning rate. torch.optim.Muon has no convolutions. Weights whose gradients were
    always zero stay as they are.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, weight_decay: float) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay, "orthogonal": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; `closure` is not supported and must be None."""
        assert closure is None
        for group in self.param_groups:
            update = _orthogonal_step if group["orthogonal"] else _adamw_step
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    update(parameter, self.state[parameter], group["lr"])


def orthogonal_parameters(model: nn.Module) -> set[Tensor]:
    """The parameters that Muon orthogonalizes: weights of linear layers and of convolutions that are not grouped."""
    found: set[Tensor] = set()
    for layer in model.modules():
        is_convolution = isinstance(layer, nn.modules.conv._ConvNd) and layer.groups == 1
        if is_convolution or isinstance(layer, nn.Linear):
            found |= {each for each in layer.parameters(recurse=False) if each.dim() > 1}
    return found


def orthogonalize(matrix: Tensor) -> Tensor:
    """The nearest orthogonal matrix, roughly: singular values become 0.7 to 1.2, directions stay. Computed in float32.

    A matrix of zeros stays one.
    """
    a, b, c = COEFFICIENTS
    is_tall = matrix.shape[0] > matrix.shape[1]
    found: Tensor = matrix.float().T if is_tall else matrix.float()
    found = found / found.norm().clamp(min=1e-7)
    for _ in range(ROUNDS):
        gram = found @ found.T
        found = torch.add(a * found, (b * gram + c * gram @ gram) @ found)
    return (found.T if is_tall else found).to(matrix.dtype)


def _orthogonal_step(parameter: Tensor, state: dict[str, Any], rate: float) -> None:
    gradient = parameter.grad
    assert gradient is not None
    if not state:
        state["momentum"] = torch.zeros_like(parameter)
    mean = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
    matrix = gradient.lerp(mean, MOMENTUM).flatten(1)
    update = orthogonalize(matrix).view(parameter.shape).masked_fill(mean == 0, 0)
    parameter.add_(update, alpha=-0.2 * rate * math.sqrt(max(matrix.shape)))


def _adamw_step(parameter: Tensor, state: dict[str, Any], rate: float) -> None:
    gradient = parameter.grad
    assert gradient is not None
    if not state:
        state |= {"step": 0, "mean": torch.zeros_like(parameter), "square": torch.zeros_like(parameter)}
    state["step"] += 1
    mean = state["mean"].lerp_(gradient, 1 - BETAS[0])
    square = state["square"].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    size = (square / (1 - BETAS[1] ** state["step"])).sqrt_().add_(EPSILON)
    parameter.addcdiv_(mean, size, value=-rate / (1 - BETAS[0] ** state["step"]))
