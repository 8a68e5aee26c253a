"""Registered recipe: the settled recipe of a version, beside its model in the registry."""

from __future__ import annotations

from tasks.core import InputError
from tasks.tracking.client import model_named, open_client
from tasks.tracking.registry import Version
from tasks.tracking.version_files import attach_text, attached_text
from tasks.tracking.versions import RECIPE

FILE_OF_RECIPE = "settled_recipe.yaml"


def attach_recipe(uri: str, version: Version, text: str) -> None:
    """Writes a version's settled recipe beside its model; the tag RECIPE is the digest of the text.

    Args:
        uri: URI of the tracking server and registry.
        version: the version, as `registry.register` returns it.
        text: the recipe as YAML: no searches, and only the branch that made the product, with its choices settled; no
            `compress` where the product is the baseline.
    """
    attach_text(uri, version.name, version.version, FILE_OF_RECIPE, RECIPE, text)


def recipe_of(uri: str, name: str, alias: str = "champion") -> str:
    """The settled recipe (YAML) of the version that has an alias; its digest is checked.

    Raises:
        InputError: there is no model of this name, no version has the alias, or that version has no settled recipe.
        Refusal: the file differs from the registered one.
    """
    aliases = model_named(open_client(uri), name).aliases
    if alias not in aliases:
        raise InputError(f"the registered model must have a {alias}", path="name", value=name)
    version = int(aliases[alias])
    text = attached_text(uri, name, version, FILE_OF_RECIPE, RECIPE)
    if text is None:
        law = f"the {alias} must have its settled recipe beside it, and version {version} was registered without one"
        raise InputError(law, path="name", value=name, nearest=f"paredown optimize, which registers {name} again")
    return text
