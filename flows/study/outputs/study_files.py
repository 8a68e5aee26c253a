"""Study files: what a study leaves in the product's folder: its page, its tables and the recommended recipe."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from flows.study.outputs.study_page_data import page_of_study
from flows.study.outputs.study_tables import write_frames
from flows.study.recommendation import SUFFIX, recipe_text, recommended_recipe
from flows.study.study_outcome import StudyOutcome, StudyResult
from tasks.core import Workspace, write_atomically
from tasks.report.study_page import render_study


def write_study(result: StudyResult, workspace: Workspace) -> StudyOutcome:
    """Writes the files of a study into the folder `study` of the product's folder in the home."""
    folder = workspace.reports / result.asked.name / "study"
    recommended = write_recommended(result, folder)
    write_frames(result, folder)
    outcome = StudyOutcome(result, folder, 1 if result.failures else 0, recommended)
    write_atomically(outcome.report, render_study(page_of_study(result), datetime.now(UTC)).encode())
    return outcome


def write_recommended(result: StudyResult, folder: Path) -> Path | None:
    """Writes the recommended recipe; None where its changes do not go together, and then none is left there."""
    file = folder / f"{result.asked.name}.{SUFFIX}.yaml"
    try:
        better = recommended_recipe(result.asked, result.recommendations)
    except ValidationError:
        file.unlink(missing_ok=True)
        return None
    write_atomically(file, recipe_text(better, result.recommendations).encode())
    return file
