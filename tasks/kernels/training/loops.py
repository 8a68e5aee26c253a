"""Training and prediction loops: the data lie on the device as tensors, and a batch is one `index_select`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor, nn

from tasks.kernels.host.measurement_lock import shared_use

Transform = Callable[[Tensor], Tensor]
"""Compact batch -> network inputs (float)."""
Augment = Callable[[Tensor, Generator], Tensor]
"""Compact batch, generator -> compact batch."""
Objective = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Model, network inputs, targets -> the batch's mean loss (a scalar with gradient)."""


@contextmanager
def seeded(seed: int, epoch: int, device: torch.device) -> Iterator[Generator]:
    """Yields a generator that depends on (seed, epoch) alone, and seeds torch's global state (dropout) alike.

    The global random state is restored afterwards.
    """
    number = int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(number)
        yield torch.Generator(device=device).manual_seed(number)


def shuffled_batches(count: int, batch_size: int, generator: Generator) -> list[Tensor]:
    """The indices 0..count-1 in random order, split into batches of `batch_size` (the last may be smaller).

    A last batch of one example is merged into the one before: batch normalization cannot train on one value.
    """
    order = torch.randperm(count, generator=generator, device=generator.device)
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and batch_size > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def learning_rate(schedule: str, peak: float, progress: float) -> float:
    """The learning rate at `progress` (0 at the first step, 1 at the end) of a schedule whose highest rate is `peak`.

    `constant` stays at `peak`; `cosine` falls to 0 (Loshchilov and Hutter, 2017); `one_cycle` rises from peak / 25
    over the first 30 %, then falls to peak / 250,000, both along half a cosine (Smith and Topin, 2018; PyTorch's
    OneCycleLR).
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
    """A new optimizer for the parameters that require a gradient; `momentum` applies to `sgd` only.

    `name` is sgd, adam, adamw, adagrad or rmsprop; ValueError for any other.
    """
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


def set_hyperparameters(optimizer: torch.optim.Optimizer, *, momentum: float, weight_decay: float) -> None:
    """Changes these values of an optimizer from `make_optimizer` during training; `momentum` applies to SGD only."""
    for group in optimizer.param_groups:
        group["weight_decay"] = weight_decay
        if isinstance(optimizer, torch.optim.SGD):
            group["momentum"] = momentum


def set_memory_layout(model: nn.Module, *, channels_last: bool) -> None:
    """Sets the memory layout of 2-D convolution weights, in place: channels-last (trains faster) or contiguous."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for parameter in model.parameters():
        if parameter.dim() == 4:
            # `contiguous` would leave a convolution of one channel as it is, and the network after it slow.
            parameter.data = parameter.data.clone(memory_format=layout)


@dataclass(frozen=True)
class BatchSource:
    """Training examples as tensors on one device, with the augmentation and preprocessing of each batch."""

    inputs: Tensor
    """Compact inputs, (count, …)."""
    targets: Tensor
    """(count,): class indices or numbers."""
    transform: Transform
    augment: Augment | None
    generator: Generator
    """Random numbers for `augment`."""

    def batch(self, indices: Tensor) -> Tensor:
        """The network inputs of the examples at `indices`, augmented: (len(indices), …), float."""
        batch = self.inputs.index_select(0, indices)
        return self.transform(self.augment(batch, self.generator) if self.augment else batch)


def train_epoch(
    model: nn.Module,
    examples: BatchSource,
    batches: Sequence[Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    objective: Objective,
    rate: Callable[[int], float],
    precision: torch.dtype = torch.float32,
    deadline: float = math.inf,
) -> float:
    """Trains `model`, in place, for one pass over `batches` (index tensors); returns the mean loss per example.

    `rate` maps the step's number (from 0) to its learning rate. The pass ends early after the step that crosses
    `deadline` (`time.monotonic` seconds). The device is not synchronized before the last step.
    """
    model.train()
    device = examples.inputs.device
    total, seen = torch.zeros((), dtype=torch.float64, device=device), 0
    with shared_use() as rest:
        for step, indices in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = rate(step)
            batch = examples.batch(indices)
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                loss = objective(model, batch, examples.targets.index_select(0, indices))
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
    """Inside the context, `model` is in evaluation mode; afterwards every module has its previous mode."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def predict_all(model: nn.Module, inputs: Tensor, transform: Transform, batch_size: int | None = None) -> Tensor:
    """The model's outputs for all compact `inputs` in evaluation mode: (count, …), float32, on the device.

    By default a batch holds about a quarter of a million values and between 32 and 65,536 examples.
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

    The statistics are the unweighted average over the batches (Izmailov et al., "Averaging Weights Leads to Wider
    Optima", 2018; torch.optim.swa_utils.update_bn), so the batches should be of equal size. All other layers are in
    evaluation mode meanwhile. Without batch normalization nothing happens, and no batch is drawn.
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
