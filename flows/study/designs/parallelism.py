"""Parallelism: how long the same training takes with more threads, and with two trainings side by side."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.kernels.host import machine
from tasks.study.design import Cell, Design, UnsuitedTable

TITLE = "Parallelism"
WAYS = {
    "1 thread": {"threads": 1, "workers": 1},
    "2 threads": {"threads": 2, "workers": 1},
    "2 workers of 1 thread": {"threads": 1, "workers": 2},
}
"""Cell → how the training runs; each thread of each worker has a core of its own."""


def design_parallelism(study: Study) -> Design | UnsuitedTable:
    """One thread, two threads, two trainings at once, all threads of the machine, and its GPUs if there are any."""
    model, cores = study.recipe.model, len(machine.cores())
    if model.is_trained and not model.is_simple:
        return UnsuitedTable("parallelism", TITLE, "the model is trained already, and is not trained here")
    if model.simple_ensemble is not None:
        return UnsuitedTable("parallelism", TITLE, "an ensemble of simple models is fitted one member after the other")
    ways = {name: way for name, way in WAYS.items() if way["threads"] * way["workers"] <= cores}
    if cores > 2:
        ways[f"{cores} threads"] = {"threads": cores, "workers": 1}
    if model.is_simple:  # they are fitted by one thread
        ways = {name: way for name, way in ways.items() if way["threads"] == 1}
    cells = [Cell(name, timing={"device": "cpu", **way}, recommended=False) for name, way in ways.items()]
    if not model.is_simple:
        cells += [gpus_cell(count) for count in range(1, gpu_count() + 1)]
    if len(cells) == 1:
        return UnsuitedTable("parallelism", TITLE, "this machine has one core and no GPU that torch can use")
    return Design(
        "parallelism",
        TITLE,
        "What do more threads, workers or GPUs save?",
        "threads, trainings at the same time, and GPUs",
        "the work: the same network or fit, from the same start",
        tuple(cells),
        cost="training",
        kind="speed",
        note="The time is that of one training: of trainings side by side, that of all over their number.",
    )


def gpus_cell(count: int) -> Cell:
    """So many trainings at the same time, one on each GPU."""
    return Cell(
        f"{count} GPU{'s' * (count > 1)}",
        timing={"device": "cuda", "threads": 1, "workers": count},
        recommended=False,
    )


def gpu_count() -> int:
    """The GPUs that torch can use."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
