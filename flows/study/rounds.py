"""Rounds: the measurements of a study, one seed of one table after the other, until its budget is spent."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flows.study.cells.cell_measurement import measure_round
from flows.study.cells.second_process import SecondProcess
from flows.study.study_context import Study
from flows.study.study_journal import StudyJournal
from tasks.core import InputError, Refusal, write_atomically
from tasks.core.errors import in_one_line
from tasks.study.budget import TableState, next_table
from tasks.study.design import Cell, Design
from tasks.study.study_spec import StudySpec
from tasks.study.verdicts import CellResult, TableResult, judge_table

Tell = Callable[[str], None]


@dataclass
class Rounds:
    """The tables of a study, as far as they are measured."""

    designs: tuple[Design, ...]
    study: Study
    journal: StudyJournal
    spec: StudySpec
    expected: Mapping[str, float]
    """Table → seconds that its first round should take."""
    tell: Tell
    second: SecondProcess | None = None
    """A process that makes settings beside this one, if there is one."""

    def __post_init__(self) -> None:
        self.failures: dict[str, str] = {}

    def run(self) -> None:
        """Measures until the budget is spent or every verdict is clear."""
        while True:
            left = 60 * self.spec.minutes - self.journal.spent
            name = next_table(self.states(), left, self.spec.seeds, self.spec.most_seeds)
            if name is None:
                return
            design = next(each for each in self.designs if each.name == name)
            self.measure(design)

    def measure(self, design: Design) -> None:
        """One seed more of a table. What breaks ends the table, and not the study."""
        seed = self.seeds_of(design.name)
        cells = self.open_cells(design) if seed >= self.spec.seeds else self.possible_cells(design)
        self.tell(f"{self.progress()}. Next: {design.title}, seed {seed + 1}, {len(cells)} settings")
        try:
            found = measure_round(design, cells, seed, self.study, self.second)
        except (InputError, Refusal) as reason:
            self.failures[design.name] = in_one_line(reason).removeprefix("InputError: ")
        except Exception as error:  # a table that breaks is named, and the others go on
            self.failures[design.name] = f"{in_one_line(error)}; the details are in {self.write_error(design, error)}"
        else:
            self.journal.add(design.name, found)
        self.tell(f"{design.title}: {self.judge(design).verdict}")

    def progress(self) -> str:
        """What is spent of the budget, how many tables have a verdict, and what is worth a change so far."""
        ready = sum(each.seeds >= self.spec.seeds for each in self.states())
        told = f"{self.journal.spent / 60:.1f} of {self.spec.minutes:g} minutes; {ready} of {len(self.designs)} tables"
        kept = [row.cell.name for table in self.tables() for row in table.rows if row.keep]
        return f"{told} have a verdict" + (f"; worth it so far: {', '.join(kept)}" if kept else "")

    def write_error(self, design: Design, error: Exception) -> str:
        """Writes the traceback into the home, and says where."""
        home = self.study.job.context.workspace.home
        place = home / "errors" / f"{self.study.recipe.name}-study-{design.name}.txt"
        write_atomically(place, "".join(traceback.format_exception(error)).encode(errors="backslashreplace"))
        return str(place)

    def seeds_of(self, table: str) -> int:
        """Seeds that a table has."""
        return len({each.seed for each in self.journal.of(table)})

    def states(self) -> list[TableState]:
        """How far the tables are that did not break."""
        return [self.state_of(each) for each in self.designs if each.name not in self.failures]

    def state_of(self, design: Design) -> TableState:
        """How far a table is; a round costs what its last one did."""
        rounds = [found for name, found in self.journal.rounds if name == design.name]
        seconds = sum(each.spent for each in rounds[-1]) if rounds else self.expected[design.name]
        return TableState(design.name, len(rounds), len(self.open_cells(design)), seconds)

    def possible_cells(self, design: Design) -> list[Cell]:
        """The cells that could be made with every seed so far."""
        refused = {each.cell for each in self.journal.of(design.name) if each.refusal}
        return [each for each in design.cells if each.name not in refused]

    def open_cells(self, design: Design) -> list[Cell]:
        """The cells whose verdict is not clear yet."""
        margin = self.study.recipe.goal.max_drop
        return [row.cell for row in self.judge(design).rows[1:] if is_undecided(row, margin)]

    def judge(self, design: Design) -> TableResult:
        """The table as far as it is measured."""
        margin = self.study.recipe.goal.max_drop
        failure = self.failures.get(design.name, "")
        return judge_table(design, self.journal.of(design.name), self.spec.seeds, margin, self.study.unit, failure)

    def tables(self) -> tuple[TableResult, ...]:
        """The tables of which anything was measured, or which broke."""
        return tuple(
            self.judge(each) for each in self.designs if each.name in self.failures or self.journal.of(each.name)
        )


def is_undecided(row: CellResult, margin: float) -> bool:
    """Whether more seeds could change what is said of a cell.

    An effect is clear that is beyond noise, or whose whole interval is within the margin.
    """
    if row.effect is None:
        return row.cost is not None and row.cost.change in ("open", "no measurable change")
    if row.effect.verdict == "open":
        return True
    return row.effect.verdict == "no measurable effect" and row.effect.detectable > margin


def missing_tables(designs: Sequence[Design], tables: Sequence[TableResult]) -> tuple[str, ...]:
    """Names of the designed tables of which nothing was measured."""
    measured = {table.design.name for table in tables}
    return tuple(each.title for each in designs if each.name not in measured)
