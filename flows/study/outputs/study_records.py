"""Study records: a study in MLflow: a parent run for the study, and a child run for each of its tables."""

from __future__ import annotations

from pathlib import Path

from flows.study.outputs.study_page_data import page_of_study
from flows.study.outputs.study_text import answer_of, markdown_of, tone_of
from flows.study.study_outcome import StudyOutcome, StudyResult
from tasks.core import Runner, Workspace
from tasks.report.study_pictures import draw_table
from tasks.study.verdicts import CellResult, TableResult
from tasks.tracking import NOTE, RunContent, record_child

ROLE = "study"


def record_tables(result: StudyResult, parent: str, workspace: Workspace, runner: Runner) -> None:
    """Records a child run below the study's run for each table: its figures, its verdict and its pictures."""
    page = page_of_study(result)
    for table, shown in zip(result.tables, page["tables"], strict=True):
        pictures = draw_table(shown, page["metric"]).values()
        content = RunContent(
            parameters={"varied": table.design.varied, "held": table.design.held},
            metrics={name: value for row in table.rows for name, value in cell_metrics(row, result).items()},
            texts={f"picture-{number}.svg": drawn for number, drawn in enumerate(pictures, 1)},
            tags={
                "paredown.role": "table",
                "paredown.verdict": table.verdict,
                "paredown.state": tone_of(table),
                "paredown.recommended": table.recommended.name if table.recommended else "",
                NOTE: table_note(table),
            },
        )
        name = table.design.name
        uri = workspace.tracking_uri
        runner.run(f"record {name}", record_child, uri, parent, table.design.title, f"table:{name}", content)


def table_note(table: TableResult) -> str:
    """A table's verdict and what was found of each of its settings, as Markdown."""
    lines = [f"**{table.verdict}**", "", table.design.question, ""]
    return "\n".join([*lines, *(f"* {row.sentence}" for row in table.rows[1:])])


def cell_metrics(row: CellResult, result: StudyResult) -> dict[str, float]:
    """The figures of a setting by flat name: `flip.gain`, `flip.gain.low`; in the metric's own unit."""
    found: dict[str, float | None] = {
        "score": row.score,
        "seconds": row.seconds,
        "bytes": row.bytes,
        "latency_ms": row.latency_ms,
        "seeds": float(row.seeds),
    }
    if row.effect:
        found |= {"gain": row.effect.value, "gain.low": row.effect.low, "gain.high": row.effect.high}
    if row.cost:
        found |= {"cost": row.cost.value, "cost.low": row.cost.low, "cost.high": row.cost.high}
    return {f"{row.cell.name}.{name}": value for name, value in found.items() if value is not None}


def study_content(outcome: StudyOutcome) -> RunContent:
    """The content of the study's own run: its answer, its figures and its files."""
    result = outcome.result
    metrics = {"study.minutes": result.minutes, "study.changes": float(len(result.recommendations))}
    if confirmed := result.confirmation:
        metrics |= {"test.given": confirmed.given.value, "test.recommended": confirmed.recommended.value}
        metrics |= {"test.drop": confirmed.drop.value, "test.speedup": confirmed.speedup.value}
    answer = answer_of(result)
    files: dict[str, Path] = {file.name: file for file in sorted(outcome.folder.iterdir()) if file.is_file()}
    return RunContent(
        metrics=metrics,
        files=files,
        tags={"paredown.answer": answer, NOTE: f"{answer}\n\n{markdown_of(result)}"},
    )
