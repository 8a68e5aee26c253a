"""Study tables: what a study found as pandas frames: a row for each setting, and one for each single measurement."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.study.study_outcome import StudyResult
from tasks.core import Estimate, write_atomically
from tasks.study.effects import Measured, corrected
from tasks.study.verdicts import CellResult, TableResult

if TYPE_CHECKING:
    import pandas as pd

CELLS, MEASUREMENTS, SUSPECTS = "tables", "measurements", "suspects"
"""Names of the files, without their endings."""


def frames_of(result: StudyResult) -> dict[str, pd.DataFrame]:
    """File → frame: `tables` with a row for each setting of each table, `measurements` with one for each seed of each.

    Where train rows look mislabelled, `suspects` lists them.
    Scores and gains are in the metric's own unit; a positive gain is better. Costs are ratios to the table's first row.
    """
    import pandas as pd

    cells = [_cell(row, table) for table in result.tables for row in table.rows]
    measured = [_measurement(table, each) for table, each in result.measured]
    suspects = pd.DataFrame([dataclasses.asdict(each) for each in result.suspects])
    found = {CELLS: pd.DataFrame(cells), MEASUREMENTS: pd.DataFrame(measured)}
    return found | ({SUSPECTS: suspects} if result.suspects else {})


def write_frames(result: StudyResult, folder: Path) -> list[Path]:
    """Writes every frame as Parquet and as CSV; returns the files."""
    files = []
    for name, frame in frames_of(result).items():
        for ending, content in (
            ("csv", frame.to_csv(index=False).encode()),
            ("parquet", frame.to_parquet(index=False)),
        ):
            files.append(folder / f"{name}.{ending}")
            write_atomically(files[-1], content)
    return files


def _cell(row: CellResult, table: TableResult) -> dict[str, Any]:
    effect, cost, design = row.effect, row.cost, table.design
    return {
        "table": design.name,
        "setting": row.cell.name,
        "is_reference": row.cell == design.reference,
        "seeds": row.seeds,
        "score": row.score,
        "gain": effect.value if effect else None,
        "gain_low": effect.low if effect else None,
        "gain_high": effect.high if effect else None,
        "verdict": effect.verdict if effect else None,
        "detectable": effect.detectable if effect else None,
        "level": corrected(design.comparisons),
        "cost": "time" if design.kind == "speed" else design.cost,
        "cost_ratio": cost.value if cost else None,
        "cost_low": cost.low if cost else None,
        "cost_high": cost.high if cost else None,
        "cost_change": cost.change if cost else None,
        "seconds": row.seconds,
        "bytes": row.bytes,
        "latency_ms": row.latency_ms,
        "choice": row.choice,
        "keep": row.keep,
        "sentence": row.sentence,
    }


def _measurement(table: str, each: Measured) -> dict[str, Any]:
    unknown = Estimate(float("nan"), float("nan"), float("nan"), 0)
    gain, speedup = each.gain or unknown, each.speedup or unknown
    return {
        "table": table,
        "setting": each.cell,
        "seed": each.seed,
        "score": each.score,
        "gain": gain.value,
        "gain_low": gain.low,
        "gain_high": gain.high,
        "seconds": each.seconds,
        "bytes": each.bytes,
        "latency_ms": each.latency_ms,
        "speedup": speedup.value,
        "speedup_low": speedup.low,
        "speedup_high": speedup.high,
        "choice": each.choice,
        "refusal": each.refusal,
        "spent": each.spent,
    }
