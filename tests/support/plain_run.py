"""One plain run of the main job, without Prefect, whose test split is sealed until it is to be opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from flows.pipeline.findings import Findings
from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.run_context import Job
from flows.recipe.schema import Recipe
from support import runs
from tasks.core import Context, Prepared, Workspace
from tasks.evaluation.evaluate import EvaluationSpec

P = ParamSpec("P")
T = TypeVar("T")


@dataclasses.dataclass
class PlainRun:
    """What a run without Prefect found, and every call that it made."""

    recipe: Recipe
    workspace: Workspace
    runner: runs.Remembering
    findings: Findings

    @property
    def job(self) -> Job:
        """The same job again, with the runner that remembers it."""
        return Job(self.recipe, Context(self.workspace), self.runner)


class Sealed(runs.Remembering):
    """Hides the test split's files from everyone but the evaluation that is told to open it."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.store = workspace.store
        self.hidden: dict[Path, Path] = {}

    def run(self, label: str, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if any(isinstance(each, EvaluationSpec) and each.split == "test" for each in (*args, *kwargs.values())):
            for place, aside in self.hidden.items():
                aside.rename(place)
            self.hidden.clear()
        answer = super().run(label, verb, *args, **kwargs)
        if isinstance(answer, Prepared):
            self.seal(answer)
        return answer

    def seal(self, prepared: Prepared) -> None:
        split = prepared.dataset.splits["test"]
        for digest in {split.inputs, split.targets, prepared.inputs["test"]}:
            place = self.store.path(digest)
            self.hidden[place] = place.with_suffix(".sealed")
            place.rename(self.hidden[place])


def run_plainly(home: Path) -> PlainRun:
    """Works the tiny recipe out in this home."""
    recipe, workspace = runs.tiny_recipe(), runs.workspace(home)
    runner = Sealed(workspace)
    return PlainRun(recipe, workspace, runner, run_pipeline(Job(recipe, Context(workspace), runner)))
