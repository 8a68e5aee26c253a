"""Training and prediction loops: the data lie on the device as tensors, and a batch is one `index_select`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Generator, Tensor, nn

from tasks.kernels.host.measurement_lock import shared_use

Transform = Callable[[Tensor], Tensor]
"""Compact batch -> what the network sees (float)."""
Augment = Callable[[Tensor, Generator], Tensor]
"""Compact batch, generator -> compact batch."""
Objective = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Model, network inputs, targets -> the batch's mean loss (a scalar with gradient)."""


@contextmanager
def seeded(seed: int, epoch: int, device: torch.device) -> Iterator[Generator]:
    """Randomness that depends on (seed, epoch) alone: a generator, and torch's own state for dropout.

    What torch's own random state was before comes back afterwards.
    """
    number = int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(number)
        yield torch.Generator(device=device).manual_seed(number)


def shuffled_batches(count: int, batch_size: int, generator: Generator) -> list[Tensor]:
    """The indices 0..count-1 in a random order, cut into batches.

    A last batch of one example joins the batch before it: batch normalization cannot train on one value.
    """
    order = torch.randperm(count, generator=generator, device=generator.device)
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and batch_size > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def learning_rate(schedule: str, peak: float, progress: float) -> float:
    """The rate at `progress` (0 at the first step, 1 at the end) of a run whose highest rate is `peak`.

    `cosine` falls to 0 (Loshchilov and Hutter, 2017); `one_cycle` rises from peak / 25 over the first 30 %,
    then falls to peak / 250,000, both along half a cosine (Smith and Topin, 2018; PyTorch's OneCycleLR).
    """
    if schedule == "constant":
        return peak
    if schedule == "cosine":
        return _half_cosine(peak, 0.0, progress)
    low, top = peak / 25, 0.3
    if progress < top:
        return _half_cosine(low, peak, progress / top)
    return _half_cosine(peak, low / 1e4, (progress - top) / (1 - top))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def make_optimizer(
    name: str, model: nn.Module, rate: float, *, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """The optimizer by its name, over the parameters that want a gradient; `momentum` is sgd's alone."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    match name:
        case "sgd":
            return torch.optim.SGD(parameters, lr=rate, momentum=momentum, weight_decay=weight_decay, fused=True)
        case "adam":
            return torch.optim.Adam(parameters, lr=rate, weight_decay=weight_decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(parameters, lr=rate, weight_decay=weight_decay, fused=True)
        case "adagrad":
            return torch.optim.Adagrad(parameters, lr=rate, weight_decay=weight_decay)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=rate, weight_decay=weight_decay)
    raise ValueError(f"no optimizer is called {name!r}")


def turn(optimizer: torch.optim.Optimizer, *, momentum: float, weight_decay: float) -> None:
    """Gives an optimizer of `make_optimizer` other values in mid-training; `momentum` is sgd's alone."""
    for group in optimizer.param_groups:
        group["weight_decay"] = weight_decay
        if isinstance(optimizer, torch.optim.SGD):
            group["momentum"] = momentum


def arrange(model: nn.Module, *, channels_last: bool) -> None:
    """Lays the weights of 2-D convolutions out channels-last, which trains faster, or plainly."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for parameter in model.parameters():
        if parameter.dim() == 4:
            # `contiguous` would leave a convolution of one channel as it is, and the network after it slow.
            parameter.data = parameter.data.clone(memory_format=layout)


def train_epoch(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    batches: Sequence[Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    objective: Objective,
    rate: Callable[[int], float],
    transform: Transform,
    augment: Augment | None,
    generator: Generator,
    precision: torch.dtype = torch.float32,
    deadline: float = math.inf,
) -> float:
    """One pass over `batches` (index tensors), in place; returns the mean loss of the examples it saw.

    `rate` gives the learning rate of each step. The pass ends early after the step that crosses `deadline`
    (`time.monotonic` seconds). Nothing waits for the device before the last step.
    """
    model.train()
    total, seen = torch.zeros((), dtype=torch.float64, device=inputs.device), 0
    with shared_use() as rest:
        for step, indices in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = rate(step)
            batch = inputs.index_select(0, indices)
            batch = transform(augment(batch, generator) if augment else batch)
            with torch.autocast(inputs.device.type, precision, enabled=precision != torch.float32):
                loss = objective(model, batch, targets.index_select(0, indices))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach() * len(indices)
            seen += len(indices)
            if time.monotonic() >= deadline:
                break
            rest()
    return float(total) / seen


@contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; afterwards every module is in the mode that it was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def predict_all(model: nn.Module, inputs: Tensor, transform: Transform, batch_size: int | None = None) -> Tensor:
    """The model's outputs for all compact `inputs`, in evaluation mode and float32; (count, …) on the device.

    Without `batch_size`, a batch holds about a quarter of a million numbers, and at least 32 examples.
    """
    size = batch_size or min(65_536, max(32, 2**18 // max(1, math.prod(inputs.shape[1:]))))
    outputs = []
    with evaluation(model), torch.no_grad(), shared_use() as rest:
        for batch in torch.split(inputs, size):
            outputs.append(model(transform(batch.clone())).float())  # a network may write into what it is given
            rest()
    return torch.cat(outputs)


def recalibrate_batch_norm(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Recomputes, in place, every batch normalization's running mean and variance from network inputs.

    The statistics are the plain average over the batches (Izmailov et al., "Averaging Weights Leads to Wider
    Optima", 2018; torch.optim.swa_utils.update_bn), so give batches of equal size. All else is in evaluation
    mode meanwhile, dropout too. A model without running statistics is left alone, and no batch is drawn.
    """
    layers = [
        layer
        for layer in model.modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.track_running_stats
    ]
    momenta = [layer.momentum for layer in layers]
    if not layers:
        return
    with evaluation(model), torch.no_grad(), shared_use() as rest:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None
            layer.train()
        for batch in batches:
            model(batch)
            rest()
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
