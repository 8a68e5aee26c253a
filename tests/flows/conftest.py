"""One plain run of the main job that the tests of pipeline, branches and story look at."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small_runs

from flows.pipeline.findings import Findings
from flows.pipeline.pipeline import run_pipeline
from flows.recipe.schema import Recipe
from tasks.core import Prepared, Workspace
from tasks.evaluation import evaluate


@dataclasses.dataclass
class PlainRun:
    """What a run without Prefect found, and every call that it made."""

    recipe: Recipe
    workspace: Workspace
    call: small_runs.Remembering
    findings: Findings


class Sealed(small_runs.Remembering):
    """Hides the test split's files from everyone but the evaluation that is told to open it."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.store = workspace.store
        self.hidden: dict[Path, Path] = {}

    def __call__(self, label: str, step: Any, *arguments: Any) -> Any:
        if step.name == "evaluate" and "test" in arguments:
            for place, aside in self.hidden.items():
                aside.rename(place)
            self.hidden.clear()
        answer = super().__call__(label, step, *arguments)
        if step.name == "preprocess":
            self.seal(answer)
        return answer

    def seal(self, prepared: Prepared) -> None:
        split = prepared.dataset.splits["test"]
        for digest in {split.inputs, split.targets, prepared.inputs["test"]}:
            place = self.store.path(digest)
            self.hidden[place] = place.with_suffix(".sealed")
            place.rename(self.hidden[place])


@pytest.fixture(scope="session")
def short_timing() -> Iterator[None]:
    """Latency is measured for a moment only: these tests look at everything but its precision."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "SECONDS", 0.1)
        yield


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, short_timing: None) -> PlainRun:
    """The tiny recipe, worked out without Prefect."""
    recipe, workspace = small_runs.tiny_recipe(), small_runs.workspace(tmp_path_factory.mktemp("plain"))
    call = Sealed(workspace)
    return PlainRun(recipe, workspace, call, run_pipeline(recipe, workspace, call))
