"""Release commands: `history`, `promote`, `rollback` and `gc`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.cli.recipe_argument import Conf, with_recipe_file


def history(
    conf: Conf, as_json: Annotated[bool, typer.Option("--json", help="Print the versions as JSON.")] = False
) -> None:
    """The versions of a product: which is champion, previous or challenger, why, and since when."""
    from flows.cli.release_views import show_history
    from flows.loop.releases.version_history import history_of, version_rows
    from flows.recipe.loading import load_recipe
    from flows.results.console_tables import make_console
    from flows.services import environment

    with with_recipe_file(conf):
        name = load_recipe(conf).name
        records = history_of(environment.prepare_environment().tracking_uri, name)
    if as_json:
        typer.echo(json.dumps(version_rows(records), indent=1, ensure_ascii=False))
    else:
        show_history(name, records, make_console())


def run_promote(
    conf: Conf,
    version: Annotated[int | None, typer.Argument(help="Its number; the challenger where it is left out.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Promote what never passed a gate; it is remembered.")] = False,
) -> None:
    """A version becomes champion by hand; the test scorecards of both are shown. `paredown rollback` takes it back."""
    from flows.cli.release_views import show_release
    from flows.loop.releases.promoting import promote_by_hand
    from flows.recipe.loading import load_recipe
    from flows.results.console_tables import make_console
    from flows.services import environment

    with with_recipe_file(conf):
        name = load_recipe(conf).name
        found = promote_by_hand(environment.prepare_environment().tracking_uri, name, version, force)
    show_release(found, make_console())


def run_rollback(
    conf: Conf, reason: Annotated[str | None, typer.Option(help="Why; the registry remembers it.")] = None
) -> None:
    """The previous champion is champion again."""
    from flows.cli.release_views import show_release
    from flows.loop.releases.going_back import BY_HAND, go_back
    from flows.recipe.loading import load_recipe
    from flows.results.console_tables import make_console
    from flows.services import environment

    with with_recipe_file(conf):
        recipe = load_recipe(conf)
        uri = environment.prepare_environment().tracking_uri
        found = go_back(uri, recipe.name, reason or BY_HAND, recipe.monitor)
    show_release(found, make_console())


def gc(
    days: Annotated[int, typer.Option(min=0, help="Runs that ended within so many days keep what they need.")] = 30,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; else it is only shown.")] = False,
) -> None:
    """What no champion, previous, challenger or recent run needs in the home's store; deletes it with --yes.

    The registry's own files are never touched, and what is deleted costs at most that a later run computes it again.
    """
    from flows.cli.release_views import show_waste
    from flows.loop.releases.store_cleanup import clean_store
    from flows.results.console_tables import make_console
    from flows.services import environment

    waste = clean_store(environment.prepare_environment(), days, delete=yes)
    show_waste(waste, make_console())
