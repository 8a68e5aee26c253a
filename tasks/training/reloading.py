"""Reloading: proof that the network that is loaded from the store is the one that was in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.core import InputError, Parity, Prepared, Store
from tasks.data import preprocessing
from tasks.evaluation.parity import EXAMPLES, compare_outputs
from tasks.models import weight_files
from tasks.models.answers import PLACE
from tasks.models.held_values import differing, unsaved

if TYPE_CHECKING:
    from torch import nn

TOLERANCE = 1e-4
"""Largest difference of the outputs, relative to the largest one."""


def store_network(
    network: nn.Module, twin: nn.Module, prepared: Prepared, store: Store
) -> tuple[str, list[dict[str, Any]]]:
    """Stores a network's state dict, and proves that the network can be loaded again.

    Args:
        network: the network as it is in memory.
        twin: a network of the same factory and plans; it gets the weights and the device.
        prepared: the data with their preprocessing.
        store: gets the state dict; holds the validation split.

    Returns:
        The digest of the state dict, and the parity of the hop trained → loaded for the step's record.

    Raises:
        InputError: the loaded network answers otherwise.
    """
    content = weight_files.save_network(network, store)
    twin.load_state_dict(store.get_state(content))
    return content, [vars(prove_loading(network, twin, prepared, store))]


def prove_loading(trained: nn.Module, loaded: nn.Module, prepared: Prepared, store: Store) -> Parity:
    """The parity of the hop trained → loaded, on at most EXAMPLES validation examples.

    Args:
        trained: the network as it is in memory, on any device.
        loaded: the network by factory, plans and state dict; it is moved to that device.
        prepared: the data with their preprocessing.
        store: holds the validation split.

    Raises:
        InputError: they answer differently; names what the state dict lacks, if it is found.
    """
    import torch

    device = next((weight.device for weight in trained.parameters()), torch.device("cpu"))
    rows = torch.from_numpy(preprocessing.compact(prepared, "validation", store)[:EXAMPLES])
    batch = preprocessing.to_network(store.get_json(prepared.fitted))(rows).to(device)
    with torch.no_grad():
        before, after = (each.eval()(batch.clone()).cpu().numpy() for each in (trained, loaded.to(device)))
    hop = compare_outputs("trained → loaded", before, after, TOLERANCE)
    if not hop.passed:
        names = differing(unsaved(trained), unsaved(loaded))
        what = f", since it keeps {names[0]} out of its state dict" if names else ""
        law = f"must answer the same once it is loaded, but is {hop.max_difference:.2g} off ({hop.law}){what}"
        raise InputError(law, path=PLACE, nearest="a buffer of the module, with persistent=True" if names else None)
    return hop
