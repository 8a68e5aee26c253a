"""Arithmetic: measures whether a training is faster in bfloat16 than in float32 on its device, and as good."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from scipy import stats
from torch import Generator, Tensor, nn

from tasks.kernels.host.measurement_lock import shared_use
from tasks.kernels.training import loops
from tasks.kernels.training.precision_choice import WORTH, PrecisionChoice

ARITHMETICS = (torch.float32, torch.bfloat16)
WARM, LEAST, MOST, SECONDS = 2, 4, 16, 10.0
"""Steps in each arithmetic: those that are not counted, the fewest and the most that are; no new pair of steps begins
after so many seconds."""


def measure_arithmetics(
    model: nn.Module,
    source: Callable[[Generator], loops.BatchSource],
    batches: Sequence[Tensor],
    optimizer: Callable[[nn.Module], torch.optim.Optimizer],
    objective: loops.Objective,
    losses: Callable[[nn.Module], Tensor],
) -> PrecisionChoice:
    """Trains two copies of the model, one in each arithmetic, by turns on the same batches with the same draws.

    Args:
        model: the network; it does not change.
        source: the examples, augmented by a generator.
        batches: indices of examples; the steps go round them.
        optimizer: makes the optimizer of a copy.
        objective: what is minimized.
        losses: the validation losses of a copy, each of a part of the validation split: (parts,), at least two.
    """
    copies = [copy.deepcopy(model).train() for _ in ARITHMETICS]
    optimizers = [optimizer(each) for each in copies]
    device = next(model.parameters()).device

    def seconds(place: int, step: int) -> float:
        with loops.seeded(0, step, device) as generator:
            examples, batch = source(generator), [batches[step % len(batches)]]
            _wait(device)
            start = time.perf_counter()
            optimizers[place].zero_grad(set_to_none=True)
            loops.accumulate_gradients(copies[place], examples, batch, objective, ARITHMETICS[place])
            optimizers[place].step()
            _wait(device)
            return time.perf_counter() - start

    times: list[dict[int, float]] = []
    end = time.monotonic() + SECONDS
    with shared_use() as rest:
        while len(times) < WARM + LEAST or (len(times) < WARM + MOST and time.monotonic() < end):
            rest()
            step = len(times)
            times.append({place: seconds(place, step) for place in ((0, 1) if step % 2 else (1, 0))})
    counted = np.array([[pair[0], pair[1]] for pair in times[WARM:]])
    return choose_arithmetic(counted, [losses(each).double() for each in copies], device.type)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def choose_arithmetic(times: np.ndarray, losses: Sequence[Tensor], device: str) -> PrecisionChoice:
    """bfloat16 where it is faster beyond doubt and its loss is not higher beyond the noise; otherwise float32.

    Args:
        times: seconds of each pair of steps (steps, 2), in float32 and in bfloat16.
        losses: of each, the validation losses of parts of the split (parts,).
        device: the type of the device.
    """
    logs = np.log(times[:, 0] / times[:, 1])
    half = float(stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / math.sqrt(len(logs)))
    low, middle, high = (math.exp(logs.mean() + shift) for shift in (-half, 0.0, half))
    ours, theirs = (float(each.mean()) for each in losses)
    noise = 1.96 * float(losses[0].std()) / math.sqrt(len(losses[0]))
    is_good = math.isfinite(theirs) and theirs - ours <= noise
    slow, fast = (float(1000 * np.median(times[:, place])) for place in (0, 1))
    chosen: Literal["float32", "bfloat16"] = "bfloat16" if low >= WORTH and is_good else "float32"
    return PrecisionChoice(chosen, slow, fast, (middle, low, high), len(times), (ours, theirs), noise, device)
