"""Definitions: a step that was killed goes on from its checkpoint and leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
from support import runs

from tasks.compression.fine_tuning import distill, recover
from tasks.core import Context, Prepared, Progress, Update, Workspace, silent
from tasks.models.model_spec import ModelSpec
from tasks.steps import caching
from tasks.steps.definitions import STEPS
from tasks.training.baseline import fit
from tasks.training.recovery import Recover
from tasks.training.student import Distill
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs

SMALL = ModelSpec(arguments={"width": 4, "depth": 1})


class Plug:
    """A `Progress` that remembers the epochs that it hears of, and pulls the plug once, at the second."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.is_pulled = False

    def __call__(self, update: Update) -> None:
        self.heard.append(update.done)
        if update.done == 2 and not self.is_pulled:
            self.is_pulled = True
            raise RuntimeError("pulled the plug")


@pytest.mark.usefixtures("prefect_server")
def test_a_killed_step_goes_on_and_leaves_nothing_behind(
    prepared: Prepared, workspace: Workspace, trained: list[int]
) -> None:
    given = {
        "model": SMALL,
        "spec": TrainSpec(epochs=3, batch_size=16, seed=104),
        "inputs": TrainingInputs(prepared),
        "context": Context(workspace),
    }
    plug = Plug()
    with pytest.raises(RuntimeError, match="pulled the plug"):
        caching.run_cached(STEPS[fit], given, workspace, plug)
    assert [place.name.split("-")[0] for place in workspace.checkpoints.iterdir()] == ["fit"]
    assert (plug.heard, trained) == ([1, 2], [1, 2])
    answered = caching.run_cached(STEPS[fit], given, workspace, plug)
    assert trained == [1, 2, 3], "it went on after its last epoch"
    assert plug.heard == [1, 2, 1, 2, 3], "and showed first what was done before"
    assert not answered.cached
    assert list(workspace.checkpoints.iterdir()) == []


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("kind", ["recover", "distill"])
def test_a_killed_recovery_goes_on_and_the_same_again_comes_from_the_store(
    kind: str, prepared: Prepared, workspace: Workspace, trained: list[int]
) -> None:
    knobs: dict[str, Any] = {"epochs": 3, "batch_size": 16}
    if kind == "distill":
        knobs |= {"factory": "tasks.architectures:convnet", "arguments": {"width": 4, "depth": 1}}
    baseline = runs.untrained(prepared, workspace.store, "tasks.architectures:convnet", width=8, depth=1)
    given: dict[str, Any] = {"teacher": baseline, "inputs": TrainingInputs(prepared), "context": Context(workspace)}
    if kind == "recover":
        given |= {"candidate": baseline, "spec": Recover.model_validate(knobs)}
    else:
        given |= {"spec": Distill.model_validate(knobs)}
    step = STEPS[recover if kind == "recover" else distill]

    def take(progress: Progress) -> caching.Answered:
        return caching.run_cached(step, given, workspace, progress)

    plug = Plug()
    with pytest.raises(RuntimeError, match="pulled the plug"):
        take(plug)
    first, again = take(plug), take(silent)
    assert trained == [1, 2, 3]
    assert plug.heard == [1, 2, 1, 2, 3]
    assert (first.cached, again.cached) == (False, True)
    assert again.value == first.value
    assert list(workspace.checkpoints.iterdir()) == []


def test_every_step_is_cached_or_writes_to_a_server() -> None:
    assert all(verb in (step.fn, getattr(step.fn, "__wrapped__", None)) for verb, step in STEPS.items())
    assert len({step.name for step in STEPS.values()}) == len(STEPS), "a name is part of the key"
    outward = {"open_run", "record_child", "record_trials", "attach", "close_run", "register", "attach_profile"}
    outward |= {"attach_reference", "attach_recipe"}
    assert {step.name for step in STEPS.values() if not step.persist_result} == outward
