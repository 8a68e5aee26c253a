"""Speed: the tables that time the training itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from flows.pipeline.preparation import start_branches
from flows.study.study_context import Study
from tasks.compression.measure import evaluate_candidates
from tasks.data.preprocessing import column_steps
from tasks.evaluation.evaluate import EvaluationSpec
from tasks.evaluation.metric_choice import metric_spec
from tasks.kernels.host import machine
from tasks.kernels.onnx import sessions
from tasks.study.design import Cell
from tasks.study.effects import Measured
from tasks.training.timing.training_timing import TrainingSetup, TrainingWork, time_trainings


def time_cells(cells: Sequence[Cell], seed: int, study: Study) -> list[Measured]:
    """The seconds of the same training in every cell, interleaved; where devices are compared, also the latency.

    Args:
        cells: the reference and the cells beside it.
        seed: the number of the repetition.
        study: the study.

    Raises:
        Refusal: the training cannot run in a cell.
    """
    setups = {cell.name: TrainingSetup(**cell.timing) for cell in cells}
    recipe, job = study.recipe, study.job
    work = TrainingWork(recipe.model, recipe.train, job.inputs(study.prepared), column_steps(recipe.preprocess))
    place = " ".join([machine.host_name(), *machine.gpu_names()])
    given = setups, work, seed, place, job.context
    found = job.runner.run(f"time {', '.join(setups)}", time_trainings, *given)
    devices = {setup.device for setup in setups.values()}
    latencies = {device: latency_on(device, study) for device in devices} if len(devices) == len(cells) else {}
    return [
        Measured(name, seed, seconds=found[name], latency_ms=latencies.get(setup.device))
        for name, setup in setups.items()
    ]


def latency_on(device: str, study: Study) -> float | None:
    """The median milliseconds of the baseline's file on a device; None where the runtime has no provider for it."""
    provider = next((each for each in get_args(sessions.Provider) if each == device), None)
    if provider is None or not sessions.available(provider):
        return None
    recipe, job, prepared = study.recipe, study.job, study.prepared
    file = start_branches(job, prepared).baseline.exported
    runtime = recipe.runtime.model_copy(update={"provider": provider})
    metric = metric_spec(recipe.goal, prepared.dataset)
    spec = EvaluationSpec(recipe.goal, runtime, "validation", metric)
    given = {file.name: file}, file.digest, prepared, spec, None, machine.host_name(), job.context
    cards = job.runner.run(f"measure on {device}", evaluate_candidates, *given)
    return cards[file.digest].latency.median_ms
