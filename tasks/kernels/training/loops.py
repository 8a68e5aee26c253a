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
from tasks.kernels.training.draws import Draws
from tasks.kernels.training.step_rules import StepRules

Transform = Callable[[Tensor], Tensor]
"""Compact batch -> network inputs (float)."""
Augment = Callable[[Tensor, Draws], Tensor]
"""Compact batch, what is drawn for it -> compact batch."""
Mix = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Network inputs, targets -> mixed inputs, soft targets."""
Objective = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""Model, network inputs, targets -> the batch's mean loss (a scalar with gradient)."""


class LossNotFinite(Exception):  # noqa: N818 - it is an answer, not a fault
    """The training loss of a step is infinite or not a number."""

    def __init__(self, batch: int, rate: float) -> None:
        super().__init__(f"the loss is not finite in batch {batch}, at learning rate {rate:g}")
        self.batch, self.rate = batch, rate
        """Number of the batch in its epoch, from 1, and the learning rate of its step."""


@contextmanager
def seeded(seed: int, epoch: int, device: torch.device) -> Iterator[Generator]:
    """Yields a generator that depends on (seed, epoch) alone, and seeds torch's global state (dropout) alike.

    The generator is of the CPU: order and augmentation are the same on every device. The global random state is
    restored afterwards.
    """
    number = int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(number)
        yield torch.Generator().manual_seed(number)


def shuffled_batches(count: int, batch_size: int, generator: Generator) -> list[Tensor]:
    """The indices 0..count-1 in random order, split into batches of `batch_size` (the last may be smaller).

    A last batch of one example is merged into the one before: batch normalization cannot train on one value.
    """
    return _in_batches(torch.randperm(count, generator=generator, device=generator.device), batch_size)


def balanced_batches(targets: Tensor, batch_size: int, generator: Generator) -> list[Tensor]:
    """Batches in which all classes are equally frequent; otherwise as `shuffled_batches`.

    As many indices as there are targets are drawn, the same number of each class (up to one). The examples of a class
    come equally often: a rare class is repeated, and a frequent one has only a part in each epoch.

    Args:
        targets: class indices (count,).
    """
    targets = targets.to(generator.device)
    members = [torch.nonzero(targets == each).flatten() for each in torch.unique(targets)]
    drawn = []
    for place, own in enumerate(members):
        wanted = len(targets) // len(members) + (place < len(targets) % len(members))
        rounds = [
            torch.randperm(len(own), generator=generator, device=own.device) for _ in range(-(-wanted // len(own)))
        ]
        drawn.append(own[torch.cat(rounds)[:wanted]] if rounds else own[:0])
    order = torch.cat(drawn)
    return _in_batches(order[torch.randperm(len(order), generator=generator, device=order.device)], batch_size)


def _in_batches(order: Tensor, batch_size: int) -> list[Tensor]:
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and batch_size > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def set_memory_layout(model: nn.Module, *, channels_last: bool) -> None:
    """Sets the memory layout of 2-D convolution weights, in place: channels-last (trains faster) or contiguous."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    for parameter in model.parameters():
        if parameter.dim() == 4:
            # `contiguous` would leave a convolution of one channel as it is, and the network after it slow.
            parameter.data = parameter.data.clone(memory_format=layout)


@dataclass(frozen=True)
class BatchSource:
    """Training examples, with the augmentation and preprocessing of each batch.

    The targets lie on the training's device; inputs that lie elsewhere are brought there by `transform`.
    """

    inputs: Tensor
    """Compact inputs, (count, …)."""
    targets: Tensor
    """(count,): class indices or numbers."""
    transform: Transform
    augment: Augment | None
    generator: Generator
    """Random numbers for `augment`, of the CPU."""
    mix: Mix | None = None
    """Mixes the examples of a batch and their targets, after `transform`."""
    epoch: int = 0
    """The epoch, counted from 1, for what `augment` does by turns."""

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The network inputs of the examples at `indices`, augmented: (len(indices), …), float; and their targets."""
        indices = indices.to(self.inputs.device)
        batch = self.inputs.index_select(0, indices).contiguous()
        draws = Draws(self.generator, indices, self.epoch)
        inputs = self.transform(self.augment(batch, draws) if self.augment else batch)
        targets = self.targets.index_select(0, indices.to(self.targets.device))
        return self.mix(inputs, targets) if self.mix else (inputs, targets)


def train_epoch(
    model: nn.Module,
    examples: BatchSource,
    batches: Sequence[Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    objective: Objective,
    rate: Callable[[int], float],
    rules: StepRules = StepRules(),  # noqa: B008 - frozen
    deadline: float = math.inf,
) -> float:
    """Trains `model`, in place, for one pass over `batches` (index tensors); returns the mean loss per example.

    `rate` maps the number of a step's first batch (from 0) to the step's learning rate. The pass ends early after the
    step that crosses `deadline` (`time.monotonic` seconds). The device is not synchronized before the last step.
    Raises LossNotFinite, at the end of the pass.
    """
    model.train()
    losses: list[Tensor] = []
    with shared_use() as rest:
        for first in range(0, len(batches), rules.accumulate):
            now = rate(first)
            for group in optimizer.param_groups:
                group["lr"] = now * group.get("rate_scale", 1.0)
            optimizer.zero_grad(set_to_none=True)
            together = batches[first : first + rules.accumulate]
            losses += accumulate_gradients(model, examples, together, objective, rules.precision)
            rules.take_step(model, optimizer)
            if time.monotonic() >= deadline:
                break
            rest()
    return _mean_loss(losses, batches, lambda batch: rate(batch - batch % rules.accumulate))


def accumulate_gradients(
    model: nn.Module,
    examples: BatchSource,
    batches: Sequence[Tensor],
    objective: Objective,
    precision: torch.dtype = torch.float32,
) -> list[Tensor]:
    """Adds the gradient of the mean loss over the examples of all batches to the parameters; returns each loss."""
    device, count = examples.targets.device, sum(map(len, batches))
    losses = []
    for indices in batches:
        inputs, targets = examples.batch(indices)
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            loss = objective(model, inputs, targets)
        part = loss if len(batches) == 1 else loss * (len(indices) / count)
        part.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.detach())
    return losses


def _mean_loss(losses: Sequence[Tensor], batches: Sequence[Tensor], rate: Callable[[int], float]) -> float:
    """The mean loss per example of the first batches. Raises LossNotFinite, with the batch's rate, if one is not."""
    total = torch.zeros((), dtype=torch.float64, device=losses[0].device)
    for loss, indices in zip(losses, batches, strict=False):
        total += loss * len(indices)
    if not math.isfinite(total):
        bad = next((place for place, loss in enumerate(losses) if not math.isfinite(loss)), len(losses) - 1)
        raise LossNotFinite(bad + 1, rate(bad))
    return float(total) / sum(map(len, batches[: len(losses)]))


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
            own = batch.clone(memory_format=torch.contiguous_format)
            outputs.append(model(transform(own)).float())  # a network may write into what it is given
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
