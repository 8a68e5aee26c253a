"""Weight files: reading a user's trained weights into a network, and storing a network's weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import Candidate, Step, Store
from tasks.models.checkpoint_files import read_checkpoint
from tasks.models.checkpoint_forms import find_state
from tasks.models.state_fit import Target, check_fit, check_values, compare

if TYPE_CHECKING:
    from torch import nn


def load_weights(model: nn.Module, path: Path, key: str | None = None) -> None:
    """Loads a file of weights into `model`, in place; on an error, nothing is loaded.

    Args:
        model: the network.
        path: a file of torch or safetensors.
        key: dotted path of the state dict in the file; None: that which fits the network best.

    Raises:
        InputError: the file cannot be read or holds code, or its content does not fit (`fit_weights`).
    """
    fit_weights(model, read_checkpoint(path), path, key)


def fit_weights(model: nn.Module, content: Any, path: Path, key: str | None = None, without: str | None = None) -> None:
    """Loads what a file of weights holds into `model`, in place; on an error, nothing is loaded.

    The state dict may lie in dictionaries, and its names may have a prefix (`checkpoint_forms`); masks and norms that
    the network lacks are worked out (`folding`).

    Args:
        model: the network.
        content: what `read_checkpoint` found in the file.
        path: the file, for messages.
        key: dotted path of the state dict in the file; None: that which fits the network best.
        without: a layer that keeps its weights; in the file they may have another shape, or be missing.

    Raises:
        InputError: the file holds no state dict, or several that fit equally; the tensors do not fit the network; or
            they are not real, finite numbers where the network needs such.
    """
    place = {"file": str(path), "path": "model.weights"}
    target = Target.of(model)
    kept = () if without is None else (f"{without}.weight", f"{without}.bias")
    target = Target({name: value for name, value in target.own.items() if name not in kept}, target.transposed)
    found = find_state(content, target, key, str(path))
    state = {name: value for name, value in found.state.items() if name not in kept}
    check_fit(compare(state, target), state, target, place)
    check_values(state, target, place)
    model.load_state_dict(state, strict=without is None)


def save_network(model: nn.Module, store: Store) -> str:
    """Stores the model's state dict and returns its digest."""
    return store.put_state(model.state_dict())


def begin_candidate(name: str, factory: str, arguments: dict[str, Any], step: Step, content: str) -> Candidate:
    """A candidate whose lineage has only its first step (`train` or `load`); `content` is its weights' digest."""
    return Candidate(name=name, form="torch", factory=factory, arguments=arguments, lineage=(step,), content=content)
