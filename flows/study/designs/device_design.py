"""Devices: training time and latency on each device of this machine."""

from __future__ import annotations

from flows.study.designs.parallelism import gpu_count
from flows.study.study_context import Study
from tasks.kernels.host import machine
from tasks.study.design import Cell, Design, UnsuitedTable

TITLE = "Devices"


def design_devices(study: Study) -> Design | UnsuitedTable:
    """The processor with all its cores, and each other kind of device that torch can use."""
    model = study.recipe.model
    if model.is_simple:
        return UnsuitedTable("devices", TITLE, "simple models are fitted by the processor alone")
    if model.is_trained:
        return UnsuitedTable("devices", TITLE, "the model is trained already, and is not trained here")
    others = other_devices()
    if not others:
        return UnsuitedTable("devices", TITLE, "this machine has one device alone, its processor")
    names = {"cpu": "processor", "cuda": "GPU", "mps": "Apple GPU"}
    threads = len(machine.cores())
    cells = [
        Cell(names[device], timing={"device": device, "threads": threads, "workers": 1}, recommended=False)
        for device in ("cpu", *others)
    ]
    return Design(
        "devices",
        TITLE,
        "Which device trains and answers fastest?",
        "the device",
        "the work: the same network, from the same start",
        tuple(cells),
        cost="training",
        kind="speed",
        note="Latency is that of one example, where ONNX Runtime has a provider for the device here.",
    )


def other_devices() -> list[str]:
    """The kinds of devices beside the processor on which torch can train here."""
    import torch

    return [*(["cuda"] if gpu_count() else []), *(["mps"] if torch.backends.mps.is_available() else [])]
