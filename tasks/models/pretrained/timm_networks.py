"""timm's networks: built by name, their weights fetched only if asked, and the pictures that their weights expect.

No other module uses timm, the extra `paredown[timm]`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.core import InputError, nearest_choice
from tasks.models.answers import PLACE

if TYPE_CHECKING:
    from torch import nn

PREFIX = "timm:"
"""What a `model.factory` begins with that names a network of timm."""
MAKE = f"{__name__}:make_timm"
"""Import path of the factory of timm's networks, as candidates record it."""
PRETRAINED = "pretrained"
"""The argument in `model.arguments` by which timm's own weights are asked for."""
TAGS_TOLD = 5
"""Most tags of weights that a message lists."""


@dataclass(frozen=True)
class Pictures:
    """The pictures that a network's weights were trained on."""

    side: int
    """Height and width in pixels."""
    mean: tuple[float, ...]
    """Of each channel, of pixels divided by 255."""
    std: tuple[float, ...]
    """Likewise."""
    classes: int
    """How many the weights tell apart."""


def make_timm(name: str, **arguments: Any) -> nn.Module:
    """An untrained network of timm; nothing is fetched. `arguments` are those of `timm.create_model`."""
    network: nn.Module = _timm().create_model(name, pretrained=False, **arguments)
    return network


def check_name(factory: str) -> str:
    """The name behind `timm:`, of an architecture with or without the tag of its weights.

    Raises:
        InputError: timm is not installed, or has no such network or weights; names the nearest.
    """
    timm, name = _timm(factory), factory.removeprefix(PREFIX)
    architecture, _, tag = name.partition(".")
    known = timm.list_models()
    if architecture not in known:
        near = nearest_choice(architecture, known)
        raise InputError("must name a network of timm", path=PLACE, value=factory, nearest=near and f"{PREFIX}{near}")
    tags = [each.partition(".")[2] for each in timm.list_pretrained() if each.partition(".")[0] == architecture]
    if tag and tag not in tags:
        near = nearest_choice(tag, tags)
        told = f"{PREFIX}{architecture}.{near}" if near else ", ".join(tags[:TAGS_TOLD]) or f"{PREFIX}{architecture}"
        raise InputError("must name weights of timm's network", path=PLACE, value=factory, nearest=told)
    return name


def expected_pictures(factory: str) -> Pictures:
    """What the weights of a network of timm expect. Raises InputError as `check_name` does."""
    timm, name = _timm(factory), check_name(factory)
    config = timm.get_pretrained_cfg(name) or timm.get_pretrained_cfg(name.partition(".")[0])
    return Pictures(int(config.input_size[-1]), tuple(config.mean), tuple(config.std), int(config.num_classes))


def fetch_weights(factory: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The state dict of a network of timm with its pretrained weights, from timm's cache or the internet.

    Raises:
        InputError: they cannot be had.
    """
    try:
        network = _timm(factory).create_model(check_name(factory), pretrained=True, **arguments)
    except Exception as error:  # timm and the hub fail in many ways without a connection
        cause = next(iter(str(error).splitlines()), type(error).__name__)
        law = f"asks for weights that cannot be fetched ({cause})"
        way = "model.weights: a file with them"
        raise InputError(law, path=f"model.arguments.{PRETRAINED}", value=True, nearest=way) from error
    state: dict[str, Any] = network.state_dict()
    return state


def timm_version() -> str:
    """The version of timm, which decides the weights behind a name."""
    return str(_timm().__version__)


def _timm(factory: str = PREFIX) -> Any:
    """The library, with its telemetry off. Raises InputError when it is not installed, on the factory that needs it."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import timm
    except ImportError as error:
        law = f"needs timm ({error})"
        raise InputError(law, path=PLACE, value=factory, nearest="pip install 'paredown[timm]'") from error
    return timm
