"""Memory: whether a batch fits into it, and which one would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import InputError

if TYPE_CHECKING:
    from torch import nn

    from tasks.training.train_spec import TrainSpec
    from tasks.training.training_data import TrainingData


def check_memory(model: nn.Module, data: TrainingData, spec: TrainSpec, free: int | None = None) -> None:
    """Estimates from two examples what a batch takes; where it fits by far, nothing is tried.

    `free`: bytes; None: the free memory of the training's device.

    Raises:
        InputError: it is more; says what would fit.
    """
    from tasks.kernels.training import batch_memory

    free = batch_memory.free_bytes(data.device) if free is None else free
    inputs = data.transform(data.inputs[:2].clone())
    size = min(spec.batch_size, len(data.targets))
    if batch_memory.is_surely_small(inputs, size, free):
        return
    kept = batch_memory.kept_bytes(model, inputs)
    if batch_memory.largest_batch(kept, free) < size and kept * size > batch_memory.USABLE * free:
        raise too_large(model, data, spec, kept, free)


def too_large(model: nn.Module, data: TrainingData, spec: TrainSpec, kept: float, free: int) -> InputError:
    """The message that a batch does not fit: what it needs, what is free, and what would fit.

    Args:
        model: the network.
        data: the examples.
        spec: its batch size is too large.
        kept: bytes for each example (`kept_bytes`).
        free: bytes that are free on the device.
    """
    from tasks.kernels.training import batch_memory

    size, fits = min(spec.batch_size, len(data.targets)), batch_memory.largest_batch(kept, free)
    fits = min(fits, size // 2)
    need, have = (f"{value / 2**30:.2g} GiB" for value in (kept * size, free))
    law = f"must fit into memory: {size} examples take about {need} in {type(model).__name__}, and {have} are free"
    nearest = f"{fits} with train.accumulate: {-(-size // fits) * spec.accumulate}" if fits else "a smaller network"
    return InputError(f"{law} on {data.device}", path="train.batch_size", value=spec.batch_size, nearest=nearest)


def out_of_memory(model: nn.Module, data: TrainingData, spec: TrainSpec) -> InputError:
    """The message of `too_large`, after a GPU's memory was exhausted."""
    import torch

    from tasks.kernels.training import batch_memory

    model.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    kept = batch_memory.kept_bytes(model, data.transform(data.inputs[:2].clone()))
    return too_large(model, data, spec, kept, batch_memory.free_bytes(data.device))
