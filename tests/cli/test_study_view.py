"""What the terminal shows of a study: every table, its verdict, what is missing, and where the files are."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from support import study_results

from flows.cli.study_view import show_study
from flows.study.study_outcome import StudyOutcome


def shown(*, recommended: Path | None) -> str:
    console = Console(record=True, width=200)
    result = study_results.study_result()
    show_study(StudyOutcome(result, Path("/home/study"), 1, recommended, {"MLflow": "http://here"}), console)
    return console.export_text()


def test_every_table_and_its_verdict_is_shown() -> None:
    told = shown(recommended=Path("/home/study/digits.recommended.yaml"))
    assert "flip: +1 points [+0.72, +1.3] in 3 seeds; keep it" in told
    assert "+1.00 [+0.72,\N{NO-BREAK SPACE}+1.28]" in told
    assert study_results.NASTY in told
    assert "left out: there are no pretrained weights for 8 × 8 images" in told
    assert "not begun: the budget ended before it" in told
    assert "it broke: no GPU answers" in told
    assert "of 6 tables measured" in told
    for place in ("/home/study/digits.recommended.yaml", "/home/study/report.html", "http://here"):
        assert place in told


def test_a_recipe_that_could_not_be_made_is_said() -> None:
    assert "none: its changes do not go together" in shown(recommended=None)
