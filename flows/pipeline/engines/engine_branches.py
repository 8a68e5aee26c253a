"""Engine branches: the results of branches whose files are faster in a second engine, as results of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from flows.pipeline.findings import BranchResult, Stage
from flows.pipeline.run_context import RunContext
from flows.recipe.schema import Recipe
from tasks.conversion.engine_trials import EngineTrial, record_in, try_engines, with_runtime, worth_measuring
from tasks.core import Candidate
from tasks.data import input_layout
from tasks.evaluation.engines import engines_of

ALONE = "no candidate in ONNX Runtime, since runtime.engine names OpenVINO alone"


def uses_second_engine(recipe: Recipe) -> bool:
    """Whether the run tries its files in a second engine: one is installed or named, and latency decides something.

    Trees run in ONNX Runtime alone, so files of simple models are tried only where the recipe names the engine.
    """
    goal, runtime = recipe.goal, recipe.runtime
    if "openvino" not in engines_of(runtime):
        return False
    is_asked = goal.minimize == "latency" or goal.limits.latency_ms is not None or goal.limits.speedup is not None
    return is_asked and (runtime.engine is not None or not recipe.model.is_simple)


def add_engines(
    label: str, results: Sequence[BranchResult], run: RunContext
) -> tuple[tuple[BranchResult, ...], tuple[EngineTrial, ...]]:
    """The results, with one more for each file and precision that a first look finds faster in the second engine.

    Where the recipe names no ONNX Runtime, these take the place of the candidates, and a file that the engine cannot
    run is a refusal.

    Args:
        label: the step's label for display.
        results: branch results, the baseline's first.
        run: what the branches of the run have in common.

    Returns:
        The results, and what the first look found.
    """
    if not uses_second_engine(run.recipe):
        return tuple(results), ()
    files = [each.product for each in results if each.product and each.role != "control"]
    candidates = tuple({each.digest: each for each in files}.values())
    given = candidates, run.prepared, run.recipe.runtime, run.host, run.job.context
    trials = run.job.runner.run(label, try_engines, *given)
    is_alone = "onnxruntime" not in engines_of(run.recipe.runtime)
    more = [_result(each, trial) for each in results for trial in _wanted(each, trials, is_alone)]
    kept = [_without_first_engine(each, trials) for each in results] if is_alone else results
    return (*kept, *more), trials


def in_engine_of(candidate: Candidate, model: Candidate, run: RunContext) -> Candidate:
    """The file with the runtime record of another one, `model`; the file itself where that has none of a second engine.

    Raises:
        Refusal: the engine cannot run the file.
    """
    record = record_in(model)
    if record is None:
        return candidate
    store = run.job.store
    return with_runtime(candidate, record, input_layout.product_inputs(run.prepared, "validation", store), store)


def origin_of(candidate: Candidate) -> str:
    """Digest of the file as the steps of its branch made it, before it got a record of a second engine."""
    return candidate.digest if record_in(candidate) is None else candidate.lineage[-1].parent or candidate.digest


def float_files(results: Iterable[BranchResult], baseline: Candidate) -> tuple[str, ...]:
    """Digests of the baseline's file in a second engine that computes in float32, too."""
    products = (each.product for each in results)
    return tuple(
        each.digest
        for each in products
        if each and origin_of(each) == baseline.digest and (record := record_in(each)) and record.precision == "f32"
    )


def _wanted(result: BranchResult, trials: Sequence[EngineTrial], is_alone: bool) -> list[EngineTrial]:
    """Of the trials of a result's file those that become results."""
    if result.product is None or result.role == "control":
        return []
    own = [each for each in trials if each.origin == result.product.digest and each.candidate]
    return own if is_alone else worth_measuring(own)


def _result(result: BranchResult, trial: EngineTrial) -> BranchResult:
    """The result with the file in the second engine at its end."""
    assert trial.candidate is not None
    name = f"{result.name} in {trial.words}"
    file = dataclasses.replace(trial.candidate, name=name)
    return BranchResult(name, "candidate", (*result.stages, Stage(trial.words, file, file)), branch=result.name)


def _without_first_engine(result: BranchResult, trials: Sequence[EngineTrial]) -> BranchResult:
    """A candidate that ONNX Runtime is not to run, as a refusal: the second engine's reason, where it cannot run it."""
    if result.product is None or result.role != "candidate":
        return result
    own = [each for each in trials if each.origin == result.product.digest]
    refusals = [] if any(each.candidate for each in own) else [each.reason for each in own]
    return dataclasses.replace(result, refusal=refusals[0] if refusals else ALONE)
