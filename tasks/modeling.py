"""Models: built by a factory, loaded from a candidate, saved as a candidate."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from tasks.artifacts import Candidate, InputError, Prepared, Refusal, Spec, Step, Store, nearest
from tasks.artifacts.imports import resolve

if TYPE_CHECKING:
    from torch import nn


class ModelSpec(Spec):
    """The network: a factory with its arguments and, when it is already trained, its weights; or an ONNX file."""

    factory: str | None = None
    """`module:callable`; it is given `input_shape` and `outputs` if it takes them. Absent: a default for the data."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the factory, for example its width and depth."""
    weights: str | None = None
    """A file with a trained state dict (tensors only). Absent: the model is trained from the data."""
    file: str | None = None
    """An ONNX file made by others: the baseline as it is, never trained. The recipe's `preprocess` is put in front
    of it; without one it takes the data's own values."""

    @model_validator(mode="after")
    def _one_model(self) -> ModelSpec:
        beside = {"factory": self.factory, "arguments": self.arguments, "weights": self.weights}
        for name, value in beside.items() if self.file is not None else ():
            if value:
                law = "must be left out beside model.file, which holds the network and its weights"
                raise ValueError(InputError(law, path=name, value=value))
        return self

    @property
    def is_trained(self) -> bool:
        """Whether it comes trained, so that there is nothing to train or to search."""
        return self.weights is not None or self.file is not None


def default_factory(prepared: Prepared) -> str:
    """The network that a recipe without one gets: a small convnet for images, a small MLP for tables."""
    is_images = prepared.dataset.kind == "images"
    return "tasks.architectures:convnet" if is_images else "tasks.architectures:mlp"


def complete(spec: ModelSpec, prepared: Prepared) -> tuple[str, dict[str, Any]]:
    """The factory and all its arguments, with the shape of the data filled in where the factory takes it.

    Raises:
        InputError: the factory does not exist, or does not take an argument.
    """
    factory = spec.factory or default_factory(prepared)
    parameters = inspect.signature(resolve(factory, "model.factory")).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for name in spec.arguments:
        if name not in parameters and not takes_any:
            raise InputError(
                f"is not an argument of {factory}",
                path=f"model.arguments.{name}",
                nearest=nearest(name, parameters) or ", ".join(parameters),
            )
    known = {"input_shape": list(prepared.input_shape), "outputs": prepared.dataset.outputs}
    filled = {name: value for name, value in known.items() if name in parameters}
    return factory, {**filled, **spec.arguments}


def build(factory: str, arguments: dict[str, Any], seed: int = 0) -> nn.Module:
    """A fresh model in evaluation mode, its random weights decided by `seed`.

    Raises:
        InputError: the factory fails with these arguments, or gives something that is not a torch module.
    """
    import torch

    make = resolve(factory, "model.factory")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model = make(**arguments)
        except Exception as error:  # the user's factory may fail in any way; the cause is in the message
            law = f"{factory} fails with the arguments {arguments} ({type(error).__name__}: {_first_line(error)})"
            raise InputError(law, path="model.factory") from error
    if not isinstance(model, torch.nn.Module):
        raise InputError(f"{factory} must give a torch.nn.Module", path="model.factory", value=type(model).__name__)
    return model.eval()


def check_shapes(model: nn.Module, prepared: Prepared) -> None:
    """Runs two examples of zeros through the model.

    Raises:
        InputError: the model does not take the data's shape, or does not give one number per class.
    """
    import torch

    example = torch.zeros(2, *prepared.input_shape)
    try:
        with torch.inference_mode():
            outputs = model(example)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        cause = _first_line(error)
        raise InputError(
            f"does not accept examples of shape {tuple(prepared.input_shape)} ({cause})", path="model.factory"
        ) from error
    wanted = (2, prepared.dataset.outputs)
    if not isinstance(outputs, torch.Tensor) or tuple(outputs.shape) != wanted:
        got = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        raise InputError(f"must answer two examples with outputs of shape {wanted}", path="model.factory", value=got)


def read_weights(path: Path) -> dict[str, Any]:
    """The state dict in a file; wrappers (`state_dict`, `model`) and the prefix `module.` are taken off.

    Raises:
        InputError: the file is missing, no torch file, holds code, or holds no tensors.
    """
    import pickle

    import torch

    place = {"file": str(path), "path": "model.weights"}
    if not path.is_file():
        beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        near = nearest(path.name, beside)
        choice = near and str(path.parent / near)
        raise InputError("names a file that does not exist", path=place["path"], value=str(path), nearest=choice)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch remarks on what the errors below say
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


def _first_line(error: Exception) -> str:
    """What an error says in one line; its kind when it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def load_weights(model: nn.Module, path: Path) -> None:
    """Loads a file of weights into a model, all or nothing.

    Raises:
        InputError: a tensor is missing, left over, or has another shape; the message names the first.
    """
    weights, own = read_weights(path), model.state_dict()
    # Checkpoints from before torch 0.4.1 have no such counter, and evaluation does not read it.
    counters = {name: value for name, value in own.items() if name.endswith("num_batches_tracked")}
    weights = {**counters, **weights}
    place = {"file": str(path), "path": "model.weights"}
    for name, tensor in own.items():
        if name not in weights:
            raise InputError(
                f"has no tensor {name!r} of the model",
                nearest=nearest(name, sorted(weights.keys() - own.keys())),
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


def load(candidate: Candidate, store: Store) -> nn.Module:
    """The candidate's model in evaluation mode: factory → replay each plan → state dict. No pickled code runs."""
    from tasks.techniques import technique_of

    if candidate.form != "torch":
        raise Refusal(f"{candidate.name} is an ONNX file; only torch candidates can be loaded as modules")
    model = build(candidate.factory, candidate.arguments)
    for step in candidate.lineage:
        if step.plan is not None:
            technique = technique_of({"step": step.technique, **step.knobs})
            model = technique.apply(model, store.get_json(step.plan))
    model.load_state_dict(store.get_state(candidate.content))
    return model.eval()


def save(model: nn.Module, store: Store) -> str:
    """Stores the model's state dict and returns its digest."""
    return store.put_state(model.state_dict())


def begin(name: str, factory: str, arguments: dict[str, Any], step: Step, content: str) -> Candidate:
    """The candidate that a first step (`train` or `load`) makes."""
    return Candidate(name=name, form="torch", factory=factory, arguments=arguments, lineage=(step,), content=content)
