"""Weight files: reading a user's trained weights into a network, and storing a network's weights."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import Candidate, InputError, Step, Store, nearest_choice
from tasks.models.factory import _first_line

if TYPE_CHECKING:
    from torch import nn


def read_weights(path: Path) -> dict[str, Any]:
    """The state dict in a file, without wrappers (`state_dict`, `model`) and without the prefix `module.` of its keys.

    Raises:
        InputError: the file is missing, is not a torch file, contains code, or contains no tensors.
    """
    import pickle

    import torch

    place = {"file": str(path), "path": "model.weights"}
    if not path.is_file():
        beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest_choice(path.name, beside)
        choice = near and str(path.parent / near)
        raise InputError("names a file that does not exist", path=place["path"], value=str(path), nearest=choice)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of what the errors below report
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            "must hold tensors only, but it is a pickle with code (or no torch file), which is never executed",
            **place,
        ) from error
    except Exception as error:  # torch's reader fails in any way on a file that is not its own
        raise InputError(f"is not a readable torch file ({_first_line(error)})", **place) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not (isinstance(content, dict) and content and all(torch.is_tensor(value) for value in content.values())):
        raise InputError("must hold a state dict (names to tensors)", **place)
    return {name.removeprefix("module."): value for name, value in content.items()}


def load_weights(model: nn.Module, path: Path) -> None:
    """Loads a file of weights into `model`, in place; on an error, nothing is loaded.

    Raises:
        InputError: as `read_weights`; or a tensor is missing, superfluous, or of another shape (the message names
            the first).
    """
    weights, own = read_weights(path), model.state_dict()
    # Checkpoints from before torch 0.4.1 lack this counter, and evaluation does not use it.
    counters = {name: value for name, value in own.items() if name.endswith("num_batches_tracked")}
    weights = {**counters, **weights}
    place = {"file": str(path), "path": "model.weights"}
    for name, tensor in own.items():
        if name not in weights:
            raise InputError(
                f"has no tensor {name!r} of the model",
                nearest=nearest_choice(name, sorted(weights.keys() - own.keys())),
                **place,
            )
        if weights[name].shape != tensor.shape:
            raise InputError(
                f"tensor {name!r} must have shape {tuple(tensor.shape)}",
                value=tuple(weights[name].shape),
                **place,
            )
    if extra := [name for name in weights if name not in own]:
        raise InputError(f"has a tensor {extra[0]!r} that the model lacks", **place)
    model.load_state_dict(weights)


def save_network(model: nn.Module, store: Store) -> str:
    """Stores the model's state dict and returns its digest."""
    return store.put_state(model.state_dict())


def begin_candidate(name: str, factory: str, arguments: dict[str, Any], step: Step, content: str) -> Candidate:
    """A candidate whose lineage has only its first step (`train` or `load`); `content` is its weights' digest."""
    return Candidate(name=name, form="torch", factory=factory, arguments=arguments, lineage=(step,), content=content)
