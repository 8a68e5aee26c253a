"""replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import Candidate, Refusal, Store
from tasks.models.factory import build_network

if TYPE_CHECKING:
    from torch import nn


def load_network(candidate: Candidate, store: Store) -> nn.Module:
    """The candidate's model in evaluation mode: factory → replay each plan → state dict. No pickled code runs."""
    from tasks.techniques import technique_of

    if candidate.form != "torch":
        raise Refusal(f"{candidate.name} is an ONNX file; only torch candidates can be loaded as modules")
    model = build_network(candidate.factory, candidate.arguments)
    for step in candidate.lineage:
        if step.plan is not None:
            technique = technique_of({"step": step.technique, **step.knobs})
            model = technique.apply(model, store.get_json(step.plan))
    model.load_state_dict(store.get_state(candidate.content))
    return model.eval()
