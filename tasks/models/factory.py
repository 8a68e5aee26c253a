"""Factories: the completion of a factory's arguments, and the networks that it builds."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from tasks.core import InputError, Prepared, nearest_choice
from tasks.core.import_path import resolve
from tasks.models.model_spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn


def default_architecture(prepared: Prepared) -> str:
    """Import path of the factory used when the recipe names none: `convnet` for images, `mlp` for tables."""
    is_images = prepared.dataset.kind == "images"
    return "tasks.architectures:convnet" if is_images else "tasks.architectures:mlp"


def complete_factory(spec: ModelSpec, prepared: Prepared) -> tuple[str, dict[str, Any]]:
    """The factory's import path and all its arguments.

    `input_shape` and `outputs` are taken from the data when the factory has parameters of these names.

    Raises:
        InputError: the factory does not exist, or does not take one of the arguments.
    """
    factory = spec.factory or default_architecture(prepared)
    parameters = inspect.signature(resolve(factory, "model.factory")).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for name in spec.arguments:
        if name not in parameters and not takes_any:
            raise InputError(
                f"is not an argument of {factory}",
                path=f"model.arguments.{name}",
                nearest=nearest_choice(name, parameters) or ", ".join(parameters),
            )
    known = {"input_shape": list(prepared.input_shape), "outputs": prepared.dataset.outputs}
    filled = {name: value for name, value in known.items() if name in parameters}
    return factory, {**filled, **spec.arguments}


def build_network(factory: str, arguments: dict[str, Any], seed: int = 0) -> nn.Module:
    """A new network in evaluation mode, with random weights that depend on `seed`.

    Raises:
        InputError: the factory fails with these arguments, or returns something that is not a torch module.
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
    """Checks the model's input and output shapes by running two examples of zeros.

    Raises:
        InputError: the model does not accept the data's shape, or its outputs are not (2, outputs of the data set).
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


def _first_line(error: Exception) -> str:
    """The first line of an error's message; its class when there is none."""
    return next(iter(str(error).splitlines()), type(error).__name__)
