"""Pretrained text: sentences on the trained network of a recipe, what its lack costs, and how it was transferred."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.pipeline.findings import Findings
from flows.recipe.schema import Recipe
from tasks.core import Dataset, Store
from tasks.models.pretrained import timm_networks
from tasks.training.transfer.option_choice import CHOICE

TRANSFERS = {
    "features": "features of its last layer once, and a new last layer by logistic regression",
    "fine_tune": "a new last layer, then fine-tuning of all layers, the last ones first",
    "auto": "a new last layer; fine-tuning or, of many examples, training from scratch where better beyond noise",
}
"""Way of `model.transfer` → what is done."""
FEW = 2_000
"""Train pictures below which training from scratch usually costs much."""
NATURAL = 64
"""Least height and width of a picture that is taken for a photo."""


def network_doubts(recipe: Recipe, dataset: Dataset) -> tuple[str, ...]:
    """Sentences on a missing pretrained network, and on pictures of another size than a network expects."""
    if dataset.kind != "images":
        return ()
    model, (height, width, _) = recipe.model, dataset.input_shape
    if model.is_timm:
        side = timm_networks.expected_pictures(str(model.factory)).side
        law = f"The pictures are {width} × {height} pixels, and {model.factory} was trained on {side} × {side}"
        return () if (height, width) == (side, side) else (f"{law}: data.size: {side} makes them so.",)
    if model.is_transferred:
        side = recipe.data.mixed_size
        if recipe.data.size is not None or (height, width) != (side, side):
            return ()
        law = f"The pictures become {side} × {side} pixels, as most networks of ImageNet take them"
        return (f"{law}: data.size says another, where the weights were trained on it.",)
    return scratch_doubts(recipe, dataset)


def scratch_doubts(recipe: Recipe, dataset: Dataset) -> tuple[str, ...]:
    """A sentence where a network is trained from scratch on few photos."""
    model, count = recipe.model, dataset.splits["train"].count
    is_own = model.factory is None or model.factory.startswith("tasks.architectures:")
    is_few = count < FEW and min(dataset.input_shape[:2]) >= NATURAL
    if model.is_trained or not is_own or not is_few:
        return ()
    return (
        f"No pretrained network was found, and {count:,} train pictures are few: trained from scratch on so few, a "
        "network usually errs far more often than a new last layer on the features of a pretrained one. "
        'One line brings one: model: {factory: "my_package.networks:mobilenet_v2", weights: FILE, transfer: features}, '
        'or, with the extra paredown[timm], model: {factory: "timm:mobilenetv3_large_100.ra_in1k", '
        "arguments: {pretrained: true}, transfer: features}.",
    )


def transfer_note(findings: Findings, store: Store) -> str | None:
    """The ways of `model.transfer: auto` with their scores, in a sentence; None where none was chosen."""
    model = findings.results[0].stages[0].model
    step = next((each for each in model.lineage if each.technique == CHOICE), None)
    if step is None or step.record is None:
        return None
    record, count = store.get_json(step.record), findings.prepared.dataset.splits["validation"].count
    told = [_option_text(each) for each in record["options"]]
    late = f" Not begun, since the minutes were over: {', '.join(record['late'])}." if record["late"] else ""
    return (
        f"Ways of transfer, by {findings.metric.title} on {count:,} validation examples: {', '.join(told)}; "
        f"{step.knobs['mode']} is the baseline.{late}"
    )


def _option_text(option: Mapping[str, Any]) -> str:
    """A way of transfer with its score and minutes; of a dearer one also what it gains, with the interval."""
    text = f"{option['mode']} {option['score']:.4f} ({option['minutes']:.1f} min"
    if "gain" not in option:
        return f"{text})"
    gain = option["gain"]
    law = "better beyond noise" if gain["low"] > 0 else "not beyond noise"
    value, low, high = (f"{gain[name]:+.4f}" for name in ("value", "low", "high"))
    return f"{text}; over {gain['over']} {value} [{low}, {high}], {law})"
