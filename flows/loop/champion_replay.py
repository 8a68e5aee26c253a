"""Champion replay: the recipe of a retrain: the champion's own steps with the data, goal and limits of the recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from tasks.core import InputError
from tasks.models.model_spec import ModelSpec
from tasks.tracking.metric_names import dotted

OF_CHAMPION = ("preprocess", "augment", "model", "train", "compress", "export")
"""Sections that the registered recipe gives; without `compress` the champion is a baseline, and the recipe's branches
are all run. Every other section is the recipe's."""


LEARN = (None, "as_is", "fine_tune")
"""Ways of `model.transfer` of which a retrain trains all layers; a new last layer is fitted on the same features."""


@dataclass(frozen=True)
class Replay:
    """What a retrain runs."""

    recipe: Recipe
    note: str
    """What the registry should know of it, in sentences."""


def replay_champion(conf: Recipe, registered: str, new_data: str | None, baseline: Path | None = None) -> Replay:
    """The recipe of a retrain. Nothing of the champion's plans is in it: they are made anew.

    Args:
        conf: gives data, goal, limits, and what does not decide how the product is made.
        registered: the champion's settled recipe, as YAML.
        new_data: a source of new rows; None where the recipe's own source has them.
        baseline: the weights of the champion's baseline, with which a network of `model.weights` begins; None where
            they are gone.

    Raises:
        InputError: a search is asked for, but the recipe has none.
    """
    champion = validate_recipe(yaml.safe_load(registered))
    steps, own = (each.model_dump(mode="json", exclude_unset=True) for each in (champion, conf))
    content = {name: value for name, value in own.items() if name not in (*OF_CHAMPION, "search")}
    content |= {name: steps[name] for name in OF_CHAMPION if name in steps}
    if "compress" not in steps and "compress" in own:
        content["compress"] = own["compress"]
    if begins_with_weights(champion, conf):
        content["model"] = _weights(steps["model"], conf, baseline)
    content |= _search(conf, own)
    content["data"] = _data(conf, own["data"], new_data)
    told = _of_model(champion, conf, baseline, "compress" in steps)
    notes = (_differences(champion, conf), _of_data(conf, new_data), told)
    return Replay(validate_recipe(content), ". ".join(filter(None, notes)))


def begins_with_weights(champion: Recipe, conf: Recipe) -> bool:
    """Whether a retrain trains a network further: one of `model.weights` whose layers learn."""
    return champion.model.weights is not None and champion.model.transfer in LEARN and conf.retrain.fine_tune


def _weights(steps: dict[str, Any], conf: Recipe, baseline: Path | None) -> dict[str, Any]:
    """The section `model` with the weights of the champion's baseline, or else those of the recipe."""
    content = {name: value for name, value in steps.items() if name not in ("weights", "key")}
    if baseline is not None:
        content["weights"] = str(baseline)
    else:
        given = conf.model if conf.model.weights is not None else ModelSpec.model_validate(steps)
        content |= given.model_dump(mode="json", include={"weights", "key"}, exclude_none=True)
    return content if content.get("transfer") == "fine_tune" else {**content, "further": True}


def _search(conf: Recipe, own: dict[str, Any]) -> dict[str, Any]:
    minutes = conf.retrain.search.minutes
    if not minutes:
        return {}
    if conf.search is None:
        law = "needs the section search, which says what is searched"
        raise InputError(law, path="retrain.search.minutes", value=minutes, nearest="0")
    return {"search": {**own["search"], "minutes": minutes}}


def _data(conf: Recipe, own: dict[str, Any], new_data: str | None) -> dict[str, Any]:
    """The section `data` with the new rows and the window; new rows are the test in place of any other."""
    content, spec = dict(own), conf.retrain
    if new_data is not None:
        content.pop("test", None)
        content["added"] = {"source": new_data, "rule": spec.data, "holdout": spec.holdout}
    if spec.window is not None:
        content["window"] = spec.window
    return content


def _differences(champion: Recipe, conf: Recipe) -> str:
    """In what data and goal differ from the champion's, and that the recipe's were followed."""
    changed = []
    for section in ("data", "goal"):
        kept, own = (
            dotted(getattr(each, section).model_dump(mode="json", exclude={"added", "window", "test"}), f"{section}.")
            for each in (champion, conf)
        )
        changed += [key for key in sorted({*kept, *own}) if kept.get(key) != own.get(key)]
    if not changed:
        return ""
    return f"The recipe differs from the champion's in {', '.join(changed)}, and was followed"


def _of_data(conf: Recipe, new_data: str | None) -> str:
    by, spec = conf.data.split.by, conf.retrain
    window = f", window {spec.window}" if spec.window is not None else ""
    if new_data is None:
        known = "; the champion may know some of them if these data have grown since, which favours it"
        return f"No new data: compared on the test split of the recipe's own data{window}{known}"
    held = {
        "time": "the newest of them",
        "group": "whole groups of them, drawn at random,",
        "random": "drawn at random out of them, for the split is by no time,",
    }[by]
    rule = "joined the others" if spec.data == "append" else "replaced the others"
    return f"New rows {rule}{window}; {held} were held out ({spec.holdout:g})"


def _of_model(champion: Recipe, conf: Recipe, baseline: Path | None, has_branch: bool) -> str:
    model = champion.model
    if model.file is not None:
        return "The file is as it was; its calibration and its steps were done again"
    if begins_with_weights(champion, conf):
        if baseline is not None:
            return "The network was trained further from the champion's own baseline"
        gone = "The champion's own baseline is not in this store (another home, an older version, or paredown gc)"
        return f"{gone}, so the network was trained further from the weights of the recipe"
    if model.weights is not None:
        return "The weights are those of the recipe"
    return "" if has_branch else "The champion is a baseline, so all branches of the recipe were run"
