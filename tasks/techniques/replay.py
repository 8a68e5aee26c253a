"""Loading a torch candidate: its factory's network, the plans of its lineage applied to it, and its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import Candidate, Refusal, Store
from tasks.models.factory import build_network

if TYPE_CHECKING:
    from torch import nn


def load_network(candidate: Candidate, store: Store) -> nn.Module:
    """The candidate's network in evaluation mode. Runs no pickled code.

    The factory builds it, each plan of the lineage is applied in turn, and the state dict is loaded.

    Raises:
        Refusal: the candidate is an ONNX file.
        InputError: a technique of the lineage cannot be imported.
    """
    from tasks.techniques import technique_of_step

    if candidate.form != "torch":
        raise Refusal(f"{candidate.name} is an ONNX file; only torch candidates can be loaded as modules")
    model = build_network(candidate.factory, candidate.arguments)
    for step in candidate.lineage:
        if step.plan is not None:
            model = technique_of_step(step).apply(model, store.get_json(step.plan))
    model.load_state_dict(store.get_state(candidate.content))
    return model.eval()
