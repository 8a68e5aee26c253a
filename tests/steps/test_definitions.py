"""Definitions: a step that was killed goes on from its checkpoint and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support import runs

from tasks.core import Prepared, Workspace
from tasks.models.model_spec import ModelSpec
from tasks.steps import caching, definitions
from tasks.training.recovery import Recover
from tasks.training.student import Distill
from tasks.training.train_spec import TrainSpec

SMALL = ModelSpec(arguments={"width": 4, "depth": 1})


def fit(prepared: Prepared, workspace: Workspace, spec: TrainSpec) -> caching.Answered:
    return caching.run_cached(definitions.fit, prepared, SMALL, (), spec, "accuracy", workspace)


@pytest.mark.usefixtures("prefect_server")
def test_a_killed_step_goes_on_and_leaves_nothing_behind(
    prepared: Prepared, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = TrainSpec(epochs=3, batch_size=16, seed=104)
    seen: list[tuple[str, int]] = []
    killed = True

    def each_epoch(*_: Any) -> Callable[[Any], None]:
        def on_epoch(epoch: Any) -> None:
            seen.append(("first" if killed else "second", epoch.number))
            if killed and epoch.number == 2:
                raise RuntimeError("pulled the plug")

        return on_epoch

    monkeypatch.setattr(definitions, "each_epoch", each_epoch)
    with pytest.raises(RuntimeError, match="pulled the plug"):
        fit(prepared, workspace, spec)
    assert [place.name.split("-")[0] for place in workspace.checkpoints.iterdir()] == ["fit"]
    killed = False
    answered = fit(prepared, workspace, spec)
    assert seen == [("first", 1), ("first", 2), ("second", 3)]
    assert not answered.cached
    assert list(workspace.checkpoints.iterdir()) == []


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("kind", ["recover", "distill"])
def test_a_killed_recovery_goes_on_and_the_same_again_comes_from_the_store(
    kind: str, prepared: Prepared, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    knobs: dict[str, Any] = {"epochs": 3, "batch_size": 16}
    if kind == "distill":
        knobs |= {"factory": "tasks.architectures:convnet", "arguments": {"width": 4, "depth": 1}}
    spec = {"recover": Recover, "distill": Distill}[kind].model_validate(knobs)
    baseline = runs.untrained(prepared, workspace.store, "tasks.architectures:convnet", width=8, depth=1)
    before = (baseline, baseline) if kind == "recover" else (baseline,)
    seen: list[int] = []
    killed = True

    def each_epoch(*_: Any) -> Callable[[Any], None]:
        def on_epoch(epoch: Any) -> None:
            seen.append(epoch.number)
            if killed and epoch.number == 2:
                raise RuntimeError("pulled the plug")

        return on_epoch

    def take() -> caching.Answered:
        return caching.run_cached(getattr(definitions, kind), *before, spec, prepared, (), "accuracy", workspace)

    monkeypatch.setattr(definitions, "each_epoch", each_epoch)
    with pytest.raises(RuntimeError, match="pulled the plug"):
        take()
    killed = False
    first, again = take(), take()
    assert seen == [1, 2, 3]
    assert (first.cached, again.cached) == (False, True)
    assert again.value == first.value
    assert list(workspace.checkpoints.iterdir()) == []
