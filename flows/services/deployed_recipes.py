"""Deployed recipes: which file a deployed name stands for, and how it was deployed; kept in the home folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.services.environment import home
from tasks.core import write_atomically

FILE = "deployed.json"
"""The home folder's file with them."""


@dataclass(frozen=True)
class DeployedRecipe:
    """A recipe whose flows Prefect knows under its name."""

    file: str
    """The recipe's file, absolute: what is written there when a run begins counts."""
    folder: str
    """The working directory of its runs, absolute."""
    batches: str | None = None
    """The folder that `monitor` looks at; None: whoever runs it names the data."""
    new_data: str | None = None
    """The new rows of the `retrain` that `monitor` causes, maybe a template of its event; None: the recipe's source."""


def recall_deployed(place: Path) -> dict[str, DeployedRecipe]:
    """Name → recipe, of all that were deployed from a home folder."""
    file = place / FILE
    kept = json.loads(file.read_text()) if file.exists() else {}
    return {name: DeployedRecipe(**each) for name, each in kept.items()}


def keep_deployed(place: Path, recipes: Mapping[str, DeployedRecipe]) -> None:
    """Remembers recipes of a home folder, beside those that it knows."""
    known = {**recall_deployed(place), **recipes}
    content = {name: asdict(each) for name, each in sorted(known.items())}
    write_atomically(place / FILE, json.dumps(content, indent=1).encode())


def recipe_file(given: str) -> Path:
    """The recipe's file: the one that is given, or the one of a product that is given by its name.

    A name stands for the recipe that was deployed under it, else for the one with which its product was made. What is
    neither a file nor such a name is taken as a file, whose reader says that it is missing.
    """
    if Path(given).exists():
        return Path(given)
    place = home()
    known = recall_deployed(place)
    if given in known:
        return Path(known[given].file)
    made = place / "products" / given / "recipe.yaml"
    return made if made.exists() else Path(given)


def run_label(given: str) -> str:
    """What a run is called whose recipe is given by a file or a name: the file's stem, or the name."""
    return Path(given).stem if Path(given).suffix in (".yaml", ".yml") else given
