"""Study text: what a study found in sentences, for its page, the terminal, Prefect and MLflow."""

from __future__ import annotations

from flows.study.study_outcome import MODEL, StudyResult
from tasks.study.effects import corrected
from tasks.study.verdicts import TableResult


def answer_of(result: StudyResult) -> str:
    """The answer of a study in a sentence."""
    judged = [table for table in result.tables if not table.failure and any(row.seeds for row in table.rows)]
    if not judged:
        return "Nothing could be measured"
    titles = [table.design.title for table in judged if is_recommended(table, result)]
    if not titles:
        return f"Nothing in {counted(len(judged), 'table')} is measurably worth a change: the recipe stays as it is"
    verb = "is" if len(titles) == 1 else "are"
    return f"{in_words(titles)} {verb} worth a change of the recipe, of {counted(len(judged), 'table')} measured"


def is_recommended(table: TableResult, result: StudyResult) -> bool:
    """Whether a table recommends a cell that was not withdrawn."""
    cell = table.recommended
    return cell is not None and not (result.withdrawn and any(path.startswith(MODEL) for path in cell.values))


def notes_of(result: StudyResult) -> tuple[str, ...]:
    """What a reader must know beside the answer: what broke, what was not begun, and what the answer rests on."""
    found = [f"{table.design.title} broke: {table.failure}." for table in result.failures]
    if result.not_begun:
        found.append(f"The budget had no time for {in_words(result.not_begun)}.")
    few = [table.design.title for table in result.tables if is_unfinished(table)]
    if few:
        found.append(f"The budget had too little time for a verdict on {in_words(few)}.")
    if result.withdrawn:
        found.append(result.withdrawn)
    if result.problem:
        found.append(f"The recommended recipe was not run: {result.problem}.")
    elif result.recommendations and result.confirmation is None:
        found.append("The recommended recipe was not run beside the given one: study.confirm is false.")
    return tuple(found)


def is_unfinished(table: TableResult) -> bool:
    """Whether a table has no verdict yet on any of its settings."""
    known: list[str] = [row.effect.verdict for row in table.rows if row.effect]
    known += [row.cost.change for row in table.rows if row.cost and not row.effect]
    return not table.failure and all(each == "open" for each in known)


def tone_of(table: TableResult) -> str:
    """Style of a verdict: `good`, `none`, `fair` (too few seeds) or `bad` (it broke)."""
    if table.failure:
        return "bad"
    if is_unfinished(table):
        return "fair"
    return "good" if any(row.keep for row in table.rows) else "none"


def level_of(table: TableResult) -> str:
    """The level of a table's intervals, in a sentence."""
    comparisons = table.design.comparisons
    if comparisons == 1:
        return "Intervals of 95 %."
    level = 100 * corrected(comparisons)
    return f"Intervals of {level:.4g} % each, so that all {comparisons} of the table hold together in 95 % of cases."


def markdown_of(result: StudyResult) -> str:
    """Verdicts, changes and what is missing, as Markdown."""
    lines = [f"* **{table.design.title}**: {table.verdict}" for table in result.tables]
    lines += [f"* {each.title}: left out: {each.reason}" for each in result.left_out]
    lines += ["", *(f"* {note}" for note in notes_of(result))]
    if result.confirmation:
        lines += ["", f"**{result.confirmation.sentence}**"]
    if result.recommendations:
        lines += ["", "| in the recipe | becomes | because |", "|---|---|---|"]
        lines += [
            f"| `{change.path}` | `{_cell(str(change.value))}` | {_cell(change.why)} |"
            for change in result.recommendations
        ]
    return "\n".join(lines).strip()


def _cell(words: str) -> str:
    """A text that does not end a cell of a Markdown table."""
    return words.replace("|", "\\|")


def counted(number: int, what: str) -> str:
    """`1 table`, `2 tables`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def in_words(names: tuple[str, ...] | list[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
