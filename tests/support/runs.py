"""A workspace, a tiny recipe, a network that was not trained, and a stand-in for Prefect's cache."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from tasks.core import Candidate, Context, Prepared, Step, Store, Workspace

if TYPE_CHECKING:
    from flows.recipe.schema import Recipe
    from tasks.techniques import Technique

CUT: dict[str, Any] = {"step": "channels", "sparsity": 0.5}
REPAIR: dict[str, Any] = {"step": "recover", "epochs": 1}
P = ParamSpec("P")
T = TypeVar("T")


def workspace(home: Path) -> Workspace:
    """Everything under one folder."""
    return Workspace(home, f"sqlite:///{home / 'mlflow.db'}")


def workspace_of(store: Store) -> Workspace:
    """The workspace that a store belongs to."""
    found = workspace(store.root.parent)
    assert found.store.root == store.root
    return found


def context_of(store: Store) -> Context:
    """A context without a checkpoint, in the workspace that a store belongs to."""
    return Context(workspace_of(store))


def untrained(prepared: Prepared, store: Store, factory: str, **arguments: Any) -> Candidate:
    """A candidate with random weights, as if a file of weights had been loaded."""
    from tasks.models import weight_files
    from tasks.models.factory import build_network

    arguments = {"input_shape": list(prepared.input_shape), "outputs": prepared.dataset.outputs, **arguments}
    content = weight_files.save_network(build_network(factory, arguments), store)
    return weight_files.begin_candidate("baseline", factory, arguments, Step("load", 1, {}, None, None, None), content)


def compressed(candidate: Candidate, technique: Technique, prepared: Prepared, store: Store) -> Candidate:
    """What a technique makes of a candidate, on no host in particular."""
    from tasks.compression.compress import compress

    return compress(candidate, technique, prepared, None, workspace_of(store))


def tiny_recipe(**changes: Any) -> Recipe:
    """Digits, two epochs, two branches with a shared prefix and one that must be refused."""
    from flows.recipe.loading import validate_recipe

    content: dict[str, Any] = {
        "name": "tiny",
        "data": {"source": "sklearn:digits", "split": {"calibration": 64}},
        "model": {"factory": "tasks.architectures:convnet", "arguments": {"width": 16, "depth": 2}},
        "train": {"epochs": 2, "batch_size": 64, "learning_rate": 0.01},
        "compress": {
            "branches": [
                {"name": "narrow", "steps": [CUT, REPAIR]},
                {"name": "narrow-int8", "steps": [CUT, REPAIR, {"step": "int8"}]},
                {"name": "backwards", "steps": [{"step": "int8"}, CUT]},
            ]
        },
        # What so short a run may lose is no matter, and bytes are the same on a busy machine.
        "goal": {"max_drop": 1.0, "minimize": "bytes"},
        "runtime": {"processes": 3, "engine": "onnxruntime"},
    }
    return validate_recipe({**content, **changes})


class Remembering:
    """A `Runner` that calls every verb directly, and answers the same call of a cached one again from memory, as the
    flow's cache does."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.worked: list[str] = []
        """Labels of the steps that were worked out."""
        self.remembered: list[str] = []
        self.calls: list[tuple[str, str, Mapping[str, Any]]] = []
        """Of cached steps: (label, the step's name, its arguments by name)."""

    def run(self, label: str, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        from tasks.core.cache_key import cache_key
        from tasks.steps.definitions import STEPS

        step = STEPS[verb]
        if not step.persist_result:
            return verb(*args, **kwargs)
        named = inspect.signature(verb).bind(*args, **kwargs).arguments
        key = cache_key(step.name, named)
        self.calls.append((label, step.name, named))
        (self.remembered if key in self.answers else self.worked).append(label)
        if key not in self.answers:
            self.answers[key] = verb(*args, **kwargs)
        return cast(T, self.answers[key])
