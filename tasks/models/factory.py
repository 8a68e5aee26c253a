"""Factories: the completion of a factory's arguments, and the networks that it builds."""

from __future__ import annotations

import dataclasses
import inspect
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tasks.core import InputError, Prepared, nearest_choice
from tasks.core.import_path import resolve
from tasks.models.adaptation import ADAPTED, is_lazy_network
from tasks.models.answers import EXAMPLES, PLACE, Reading, find_reading
from tasks.models.family_names import NETWORKS
from tasks.models.model_spec import ModelSpec
from tasks.models.pretrained import timm_networks
from tasks.models.pretrained.last_layer import find_last_layer, outputs_of, replace_last_layer
from tasks.models.probabilities import Activations, watch_activations

if TYPE_CHECKING:
    from torch import nn


def default_architecture(prepared: Prepared) -> str:
    """Import path of the factory used when the recipe names none: `convnet` for images, `mlp` for tables."""
    return architecture_for(prepared.dataset.kind)


def architecture_for(kind: str) -> str:
    """Import path of the factory for data of a kind, where the recipe names none."""
    return "tasks.architectures:convnet" if kind == "images" else "tasks.architectures:mlp"


def architecture_of(spec: ModelSpec, prepared: Prepared) -> str:
    """Import path of the factory of a network: that of its family, the recipe's own, or the default for the data."""
    if spec.family in NETWORKS:
        return f"tasks.architectures:{spec.family}"
    return spec.factory or default_architecture(prepared)


def complete_factory(spec: ModelSpec, prepared: Prepared) -> tuple[str, dict[str, Any]]:
    """The import path of a factory of networks that fit the data, and all its arguments.

    The network is built once and run on examples of zeros. When it has lazy layers, its last layer is replaced for a
    transfer to other classes, or it answers in another form than (examples, outputs) in float32, the factory is
    `adaptation.adapted`, with the recipe's factory as an argument.

    Raises:
        InputError: the factory does not exist, does not take one of the arguments or fails, or its network does not
            accept the data or answers something else.
    """
    factory, arguments = named_arguments(spec, prepared)
    network = build_network(factory, arguments)
    is_lazy = is_lazy_network(network)
    answer, activations = _try_pictures(network, spec, prepared)
    last = _last_layer(network, spec, prepared)
    if last is not None:
        replace_last_layer(network, **last)
        answer, activations = try_network(network, prepared.input_shape)
    reading = find_reading(answer, prepared.dataset, spec.output, activations.maker_of)
    if not is_lazy and last is None and reading == Reading():
        return factory, arguments
    adapted: dict[str, Any] = {"factory": factory, "arguments": arguments}
    if is_lazy:
        adapted["input_shape"] = list(prepared.input_shape)
    if reading != Reading():
        adapted["reading"] = dataclasses.asdict(reading)
    if last is not None:
        adapted["last"] = last
    return ADAPTED, adapted


def _last_layer(network: nn.Module, spec: ModelSpec, prepared: Prepared) -> dict[str, Any] | None:
    """{name, outputs} of the layer that a transfer replaces; None where there is no transfer, or it fits the data."""
    if not spec.renews_last_layer:
        return None
    name, outputs = find_last_layer(network, prepared.input_shape, spec.output), prepared.dataset.outputs
    layer = network.get_submodule(name)
    is_fit = outputs_of(layer) == outputs and layer.bias is not None
    return None if is_fit else {"name": name, "outputs": outputs}


def named_arguments(spec: ModelSpec, prepared: Prepared) -> tuple[str, dict[str, Any]]:
    """The factory's import path and all its arguments.

    `input_shape`, `outputs` and `categories` (`Prepared.categories`) are taken from the data when the factory has
    parameters of these names.

    Raises:
        InputError: the factory does not exist, or does not take one of the arguments.
    """
    factory = architecture_of(spec, prepared)
    if spec.is_timm:
        return timm_networks.MAKE, _timm_arguments(factory, spec.arguments, prepared)
    parameters = inspect.signature(resolve(factory, PLACE)).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for name in spec.arguments:
        if name not in parameters and not takes_any:
            raise InputError(
                f"is not an argument of {factory}",
                path=f"model.arguments.{name}",
                nearest=nearest_choice(name, parameters) or ", ".join(parameters),
            )
    known: dict[str, Any] = {"input_shape": list(prepared.input_shape), "outputs": prepared.dataset.outputs}
    if prepared.categories:
        known["categories"] = [list(each) for each in prepared.categories]
    filled = {name: value for name, value in known.items() if name in parameters}
    return factory, {**filled, **spec.arguments}


def _timm_arguments(factory: str, given: dict[str, Any], prepared: Prepared) -> dict[str, Any]:
    """The arguments of `timm_networks.make_timm`: channels and outputs of the data, and the recipe's own."""
    known = {"num_classes": prepared.dataset.outputs, "in_chans": prepared.input_shape[0], **given}
    known.pop(timm_networks.PRETRAINED, None)
    return {"name": timm_networks.check_name(factory), **known}


@contextmanager
def seed_all(seed: int) -> Iterator[None]:
    """Context in which torch, NumPy and Python draw from this seed; their random states are restored at its end."""
    import numpy as np
    import torch

    python, arrays = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(arrays)


def build_network(factory: str, arguments: dict[str, Any], seed: int = 0) -> nn.Module:
    """A new network in evaluation mode, with random weights that depend on `seed`.

    Raises:
        InputError: the factory fails with these arguments, or returns something that is not a torch module.
    """
    import torch

    make = resolve(factory, PLACE)
    with seed_all(seed):
        try:
            model = make(**arguments)
        except Exception as error:  # the user's factory may fail in any way; the cause is in the message
            law = f"{factory} fails with the arguments {arguments} ({type(error).__name__}: {_first_line(error)})"
            raise InputError(law, path=PLACE) from error
    if not isinstance(model, torch.nn.Module):
        law = f"{factory} must give a torch.nn.Module, or a scikit-learn estimator or Pipeline (with fit and predict)"
        raise InputError(law, path=PLACE, value=type(model).__name__)
    return model.eval()


def try_network(network: nn.Module, shape: tuple[int, ...]) -> tuple[Any, Activations]:
    """The network's answer for EXAMPLES examples of zeros of this shape, and its softmaxes and sigmoids.

    Raises:
        InputError: the network takes several inputs, or fails.
    """
    import torch

    needed = required_inputs(network)
    if len(needed) > 1:
        law = "must take one input, a batch of examples, but its forward needs " + " and ".join(needed)
        raise InputError(law, path=PLACE)
    try:
        return watch_activations(network, torch.zeros(EXAMPLES, *shape))
    except Exception as error:  # the user's network may fail in any way; the cause is in the message
        law = f"does not accept examples of shape {tuple(shape)} ({_first_line(error)})"
        raise InputError(law, path=PLACE, nearest=_way_out(error, network)) from error


def _try_pictures(network: nn.Module, spec: ModelSpec, prepared: Prepared) -> tuple[Any, Activations]:
    """As `try_network`; a trained network that does not accept pictures is told the size that its weights expect."""
    try:
        return try_network(network, prepared.input_shape)
    except InputError as error:
        if error.nearest is None and prepared.dataset.kind == "images" and (spec.brings_weights or spec.transfer):
            error.nearest = "data.size, the side of the pictures that its weights were trained on"
            if spec.is_timm:
                error.nearest = f"data.size: {timm_networks.expected_pictures(str(spec.factory)).side}"
        raise


def required_inputs(network: nn.Module) -> list[str]:
    """The parameters of a network's `forward` that have no default, in order; none when they are not known."""
    try:
        parameters = inspect.signature(network.forward).parameters.values()
    except (TypeError, ValueError):  # scripted code has no signature
        return []
    fixed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in fixed]


def _way_out(error: Exception, network: nn.Module) -> str | None:
    """What to write where the types of inputs and weights do not agree; None for other errors."""
    text = str(error).lower()
    if "indices" in text and "long" in text:
        return "x.long() in forward, in front of the embedding"
    types = {str(weight.dtype).removeprefix("torch.") for weight in network.parameters()}
    others = sorted(types & {"float16", "bfloat16", "float64"})
    return f".float() on the network, which holds {others[0]}" if others else None


def _first_line(error: Exception) -> str:
    """The first line of an error's message; its class when there is none."""
    return next(iter(str(error).splitlines()), type(error).__name__)
