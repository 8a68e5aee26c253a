"""Transfer: what is gained from a network that others trained: as it is, its features, fine-tuning, from scratch."""

from __future__ import annotations

from typing import Any, get_args

from flows.recipe.data_defaults import FINE_TUNING
from flows.study.study_context import Study
from tasks.models.model_spec import Transfer
from tasks.study.design import Cell, Design, UnsuitedTable

TITLE = "Transfer learning"
NAMES: dict[Transfer, str] = {
    "as_is": "as it is",
    "features": "a new last layer",
    "fine_tune": "fine-tuning",
    "scratch": "from scratch",
    "auto": "the best on validation",
}


def design_transfer(study: Study) -> Design | UnsuitedTable:
    """The way of the recipe, and all others. A way that these weights do not allow is refused when it is measured."""
    model = study.recipe.model
    if model.is_simple or model.file is not None:
        what = "a simple model" if model.is_simple else "an ONNX file"
        return UnsuitedTable("transfer", TITLE, f"{what} has no pretrained weights from which a training could begin")
    if not (model.brings_weights or model.is_transferred):
        return UnsuitedTable("transfer", TITLE, "the recipe names no pretrained weights")
    own: Transfer = model.transfer or "as_is"
    others = [each for each in get_args(Transfer) if each not in (own, "auto")]
    cells = [Cell(NAMES[own]), *(Cell(NAMES[each], values_for(each, study)) for each in others)]
    return Design(
        "transfer",
        TITLE,
        "How much is gained from a network that others trained?",
        "what is done with its weights",
        "network and data; the settings of the training where there is one",
        tuple(cells),
        cost="training",
    )


def values_for(way: Transfer, study: Study) -> dict[str, Any]:
    """What a way of transfer changes in the recipe: fine-tuning has its own rates for the layers, as everywhere."""
    said = study.asked.train.model_fields_set
    plain = {name: getattr(type(study.recipe.train)(), name) for name in FINE_TUNING}
    rates = FINE_TUNING if way == "fine_tune" else plain
    changed = {name: value for name, value in rates.items() if name not in said}
    now = study.recipe.train
    return {
        "model.transfer": way,
        **{f"train.{name}": value for name, value in changed.items() if getattr(now, name) != value},
    }
