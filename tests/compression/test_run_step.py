"""Running a step: each kind calls its verb, and no measurement of time runs beside one."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from support import datasets, runs

from tasks.compression.branch import AnyStep, form_of
from tasks.compression.compress import compress
from tasks.compression.fine_tuning import distill, recover
from tasks.compression.host_costs import TimingHost
from tasks.compression.run_step import StepInputs, run_step
from tasks.core import Candidate, Context, Goal, PlainRunner
from tasks.kernels.engines.runtime_record import RuntimeRecord
from tasks.kernels.host.measurement_lock import exclusive_use
from tasks.techniques import Batches, Channels, Clean, Int8, Plugin, Technique
from tasks.techniques.base import Lowers
from tasks.training.recovery import Recover
from tasks.training.student import Distill
from tasks.training.training_data import TrainingInputs


class Asking(Technique):
    """A technique that changes nothing, and asks in its plan whether somebody could measure a latency now."""

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ()

    step: Literal["asking"] = "asking"

    def plan(self, model: Any, batches: Batches) -> dict[str, Any]:
        return {"could_measure": could_measure()}

    def apply(self, model: Any, plan: dict[str, Any]) -> Any:
        return model


class Asked:
    """A `Runner` that calls nothing, and remembers which verb it was to call."""

    def __init__(self, answer: Candidate) -> None:
        self.answer = answer
        self.calls: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = []

    def run(self, label: str, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.calls.append((label, verb, args))
        return self.answer


def could_measure() -> bool:
    """Whether another thread gets the machine for itself within a moment."""
    heard: list[bool] = []

    def measure() -> None:
        with exclusive_use(patience=0.1) as undisturbed:
            heard.append(undisturbed)

    thread = threading.Thread(target=measure)
    thread.start()
    thread.join(10)
    return heard[0]


HOST = TimingHost("a host", RuntimeRecord())


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(runs.workspace(tmp_path / "home"))


@pytest.fixture
def inputs(context: Context) -> StepInputs:
    prepared = datasets.prepared_squares(context.store)
    baseline = runs.untrained(prepared, context.store, "tasks.architectures:convnet", width=8)
    return StepInputs(baseline, TrainingInputs(prepared), HOST, Goal(minimize="bytes"))


@pytest.mark.parametrize(
    ("step", "verb", "has_host"),
    [
        (Recover(epochs=1), recover, False),
        (Distill(factory="tasks.architectures:convnet"), distill, False),
        (Clean(), compress, False),
        (Channels(sparsity=0.5), compress, True),
        (Int8(), compress, True),
    ],
)
def test_a_step_calls_its_verb(
    step: AnyStep, verb: Callable[..., Any], has_host: bool, inputs: StepInputs, context: Context
) -> None:
    runner = Asked(inputs.baseline)
    assert run_step(step, inputs.baseline, inputs, context, runner, "a label") is inputs.baseline
    [(label, called, arguments)] = runner.calls
    assert (label, called) == ("a label", verb)
    assert (HOST in arguments) == has_host
    assert inputs.baseline in arguments


def test_a_technique_gets_what_it_leaves_to_the_goal(inputs: StepInputs, context: Context) -> None:
    runner = Asked(inputs.baseline)
    for step in (Int8(), Int8(prefer="latency", max_drop=0.2)):
        run_step(step, inputs.baseline, inputs, context, runner, "a label")
    wishes = [(technique.prefer, technique.max_drop) for _, _, (_, technique, *_) in runner.calls]
    assert wishes == [("bytes", 0.01), ("latency", 0.2)]


def test_a_step_of_ones_own_calls_the_technique_that_it_names(inputs: StepInputs, context: Context) -> None:
    step = Plugin(step=f"{Asking.__module__}:Asking")
    runner = Asked(inputs.baseline)
    run_step(step, inputs.baseline, inputs, context, runner, "")
    assert isinstance(runner.calls[0][2][1], Technique)
    assert form_of(step) == "torch"


def test_nobody_measures_a_latency_while_a_step_computes(
    inputs: StepInputs, context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # locks of this test alone
    assert could_measure()
    made = run_step(Asking(), inputs.baseline, inputs, context, PlainRunner(), "")
    assert made.lineage[-1].plan is not None
    assert context.store.get_json(made.lineage[-1].plan) == {"could_measure": False}
    assert could_measure()
