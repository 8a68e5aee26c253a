"""One plain run of the main job, without Prefect, whose test split is sealed until it is to be opened."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from flows.pipeline.findings import Findings
from flows.pipeline.pipeline import run_pipeline
from flows.recipe.schema import Recipe
from support import runs
from tasks.core import Prepared, Workspace


@dataclasses.dataclass
class PlainRun:
    """What a run without Prefect found, and every call that it made."""

    recipe: Recipe
    workspace: Workspace
    call: runs.Remembering
    findings: Findings


class Sealed(runs.Remembering):
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


def run_plainly(home: Path) -> PlainRun:
    """Works the tiny recipe out in this home."""
    recipe, workspace = runs.tiny_recipe(), runs.workspace(home)
    call = Sealed(workspace)
    return PlainRun(recipe, workspace, call, run_pipeline(recipe, workspace, call))
