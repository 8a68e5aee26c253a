"""Recipe argument: the argument CONF of a command, and what is said when the recipe behind it is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer


def known_file(conf: Path) -> Path:
    """The recipe's file; a name stands for the recipe that was deployed under it, or that made its product."""
    if conf.exists():
        return conf
    from flows.services.deployed_recipes import recipe_file

    return recipe_file(str(conf))


Conf = Annotated[
    Path,
    typer.Argument(help="The recipe, a YAML file, or a product's name.", show_default=False, callback=known_file),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Dotted paths into the recipe: train.epochs=3"),
]


class Stopped(Exception):  # noqa: N818 - it is what the user wants
    """Ctrl-C was pressed, or SIGTERM came.

    Typer would turn a KeyboardInterrupt into an exit of its own, without our sentence.
    """


@contextmanager
def with_recipe_file(conf: Path) -> Iterator[None]:
    """Context that adds the recipe's file to InputErrors raised inside, if their path lies in the recipe.

    Errors that show only once the data or the model is read do not know the file.
    """
    from flows.recipe.schema import Recipe
    from tasks.core import InputError

    try:
        yield
    except InputError as error:
        if (error.path or "").partition(".")[0] in Recipe.model_fields:
            raise error.at(file=str(conf)) from error
        raise
    except KeyboardInterrupt:
        raise Stopped from None
