"""Trained weights: those that a recipe's network begins with, from a file, from timm, or from its own factory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import InputError, Prepared, digest_file, digest_of
from tasks.models import checkpoint_files, factory
from tasks.models.model_spec import ModelSpec
from tasks.models.pretrained import timm_networks
from tasks.models.pretrained.last_layer import TRANSFER, find_last_layer
from tasks.models.weight_files import fit_weights

if TYPE_CHECKING:
    from torch import nn

Load = Callable[["nn.Module"], None]
"""Loads weights into a network, in place."""


def weights_loader(spec: ModelSpec, prepared: Prepared) -> Load:
    """A function that loads the recipe's trained weights into a network of `complete_factory`.

    Where the model is transferred, its last layer keeps its own weights: that of the file may be of other classes.
    Nothing is loaded where the network is trained from scratch, or its factory loads the weights itself.

    Raises:
        InputError: the weights cannot be read or fetched; later, that they do not fit the network.
    """
    if spec.transfer == "scratch" or not spec.brings_weights:
        return lambda network: None
    if spec.weights is not None:
        content, place = checkpoint_files.read_checkpoint(Path(spec.weights)), Path(spec.weights)
    else:
        content, place = _fetched(spec, prepared), Path(str(spec.factory))

    def load(network: nn.Module) -> None:
        last = find_last_layer(network, prepared.input_shape, spec.output) if spec.is_transferred else None
        try:
            fit_weights(network, content, place, spec.key, without=last)
        except InputError as error:
            if error.nearest is None and last is None and _fits_before_the_last(network, content, spec, prepared):
                error.nearest = "model.transfer: features, which replaces the last layer"
            raise

    return load


def _fits_before_the_last(network: nn.Module, content: Any, spec: ModelSpec, prepared: Prepared) -> bool:
    """Whether weights that do not fit would fit without those of the last layer: they are of other classes."""
    try:
        last = find_last_layer(network, prepared.input_shape, spec.output)
        fit_weights(network, content, Path(), spec.key, without=last)
    except InputError:
        return False
    return True


def weights_stamp(spec: ModelSpec, prepared: Prepared) -> str:
    """What decides the trained weights, for cache keys: digest of their file, timm's version, or digest of what the
    factory itself loads."""
    if spec.weights is not None:
        return digest_file(Path(spec.weights))
    if spec.brings_weights:
        return f"timm {timm_networks.timm_version()}"
    from tasks.kernels.training.checkpoints import fingerprint

    state = factory.build_network(*factory.named_arguments(spec, prepared)).state_dict()
    return digest_of({name: fingerprint(value) for name, value in state.items() if hasattr(value, "detach")})


def check_weights_are_there(spec: ModelSpec, prepared: Prepared) -> None:
    """Checks that there are weights for a transfer, and none where it is from scratch.

    A factory loads its own where two of its networks, built with different seeds, are the same.

    Raises:
        InputError: there are none, or they cannot be left out.
    """
    import torch

    if spec.brings_weights or spec.transfer is None:
        return
    given = factory.named_arguments(spec, prepared)
    one, other = (list(factory.build_network(*given, seed=seed).parameters()) for seed in (0, 1))
    own = all(torch.equal(first, second) for first, second in zip(one, other, strict=True))
    if spec.transfer == "scratch" and own:
        law = "needs a network with random weights, but its factory loads weights itself"
        raise InputError(law, path=TRANSFER, value=spec.transfer, nearest="an argument of the factory that leaves it")
    if spec.transfer != "scratch" and not own:
        law = "needs trained weights, and none are named"
        way = "model.weights: FILE, a factory that loads its own, or timm:NAME with arguments: {pretrained: true}"
        raise InputError(law, path=TRANSFER, value=spec.transfer, nearest=way)


def _fetched(spec: ModelSpec, prepared: Prepared) -> dict[str, Any]:
    """timm's weights. Raises InputError when they are taken as they are, but tell other classes apart."""
    known = timm_networks.expected_pictures(str(spec.factory)).classes
    if not spec.is_transferred and known != prepared.dataset.outputs:
        law = f"is needed: the weights tell {known} classes apart, and the data have {prepared.dataset.outputs}"
        raise InputError(law, path=TRANSFER, nearest="features")
    _, arguments = factory.named_arguments(spec, prepared)
    return timm_networks.fetch_weights(str(spec.factory), {k: v for k, v in arguments.items() if k != "name"})
