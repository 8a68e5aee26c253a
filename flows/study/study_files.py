"""Study files: what a study leaves: the recommended recipe."""

from __future__ import annotations

from flows.study.recommendation import SUFFIX, recipe_text, recommended_recipe
from flows.study.study_outcome import StudyOutcome, StudyResult
from tasks.core import Workspace, write_atomically


def write_study(result: StudyResult, workspace: Workspace) -> StudyOutcome:
    """Writes the files of a study into the product's folder in the home."""
    name = result.asked.name
    folder = workspace.home / "products" / name / "study"
    better = recommended_recipe(result.asked, result.recommendations)
    write_atomically(folder / f"{name}.{SUFFIX}.yaml", recipe_text(better, result.recommendations).encode())
    return StudyOutcome(result, folder, 1 if result.failures else 0)
