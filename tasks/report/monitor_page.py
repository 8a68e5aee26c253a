"""Monitor page: a look at a batch as one self-contained HTML page, whose first sentence says whether to do anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tasks.report.html import TEMPLATES, page_environment

MOST_COLUMNS = 40
"""Columns that are listed, the most changed first; the others are counted."""
BADGES = {"fine": ("good", "nothing to do"), "warn": ("fair", "look at it"), "act": ("bad", "act")}


def render_monitor(outcome: Mapping[str, Any], now: datetime) -> str:
    """The page as HTML text; all texts in the record are escaped.

    Args:
        outcome: the record of a look: `name`, `version`, `source`, `look`, `rows`, `level`, `answer`, `looks`, `harm`,
            `inputs`, `predictions` and `notes`.
        now: when it was made.
    """
    from markupsafe import Markup

    environment = page_environment()
    environment.filters |= {"share": lambda value: f"{value:.1%}", "short": lambda value: f"{value:.3g}"}
    tables = {each["what"]: ranked_columns(each) for each in (outcome["inputs"], outcome["predictions"])}
    return environment.get_template("monitor.html.j2").render(
        seen=outcome,
        badge=BADGES[outcome["level"]],
        badges=BADGES,
        tables=tables,
        most=MOST_COLUMNS,
        created=f"{now:%Y-%m-%d %H:%M} UTC",
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
    )


def ranked_columns(look: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The columns of a look, the most changed first, each with whether it `changed`."""
    found = [{**each, "changed": each["name"] in look["changed"]} for each in look["columns"]]
    return sorted(found, key=lambda each: (not each["changed"], -each["index"]))
