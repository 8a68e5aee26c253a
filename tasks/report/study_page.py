"""Study page: what a study found as one self-contained HTML page: verdicts first, then tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tasks.core import number_format
from tasks.report.html import TEMPLATES, page_environment
from tasks.report.study_pictures import draw_table

COST_WORDS = {
    "training": "time of training",
    "time": "time of the same work",
    "latency": "latency",
    "bytes": "file size",
    "none": "",
}

MOST_SUSPECTS = 40
"""Train rows that are listed as likely mislabelled; the study's file has all of them."""


def render_study(study: Mapping[str, Any], now: datetime) -> str:
    """The page as HTML text; all texts in the record are escaped.

    Args:
        study: the record of a study: `name`, `host`, `answer`, `notes`, `minutes` (measured), `budget` (minutes), `n`
            (validation examples), `metric` (`title`, `unit`, `scale`, `margin` in this unit, `is_share`,
            `lower_is_better`), `changes` (`path`, `value`, `why`), `confirmation` (`tone`, `sentence`, or None), `left`
            (`title`, `reason`), `file` (the recommended recipe's name), and `tables`.
            A table has `name`, `title`, `question`, `varied`, `held`, `note`, `verdict`, `tone`, `level`, `cost`,
            `failure`, `curves` (`label`, `points`), `explained` (name → share), `suspects` (sentences) and `rows`.
            A row has `name`, `is_first`, `keep`, `seeds`, `score`, `effect` and `cost` (value, low, high, or None) with
            `effect_text` and `cost_text`, `tone`, `cost_tone`, `seconds`, `bytes`, `latency_ms`, `choice`, `share` (of
            the train rows, or None) and `sentence`.
        now: when it was made.
    """
    from markupsafe import Markup

    environment = page_environment()
    environment.filters |= {"storage": number_format.format_bytes, "duration": number_format.format_duration}
    environment.filters |= {"significant": number_format.format_significant}
    pictures = {
        table["name"]: {caption: Markup(drawn) for caption, drawn in draw_table(table, study["metric"]).items()}
        for table in study["tables"]
    }
    return environment.get_template("study.html.j2").render(
        study=study,
        pictures=pictures,
        costs=COST_WORDS,
        most=MOST_SUSPECTS,
        created=f"{now:%Y-%m-%d %H:%M} UTC",
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
    )
