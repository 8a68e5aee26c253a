"""What a study says in sentences: its answer, what is missing, and its verdicts as Markdown."""

from __future__ import annotations

import dataclasses

from support import study_results

from flows.study.outputs.study_text import answer_of, in_words, markdown_of, notes_of
from tasks.study.design import Cell


def test_the_answer_names_the_tables_that_are_worth_a_change() -> None:
    found = study_results.study_result()
    told = "Early stopping, Precision and Augmentation are worth a change of the recipe, of 6 tables measured"
    assert answer_of(found) == told
    quiet = dataclasses.replace(found, tables=tuple(each for each in found.tables if each.design.name == "data"))
    assert answer_of(quiet) == "Nothing in 1 table is measurably worth a change: the recipe stays as it is"
    broken = dataclasses.replace(found, tables=found.failures)
    assert answer_of(broken) == "Nothing could be measured"


def test_a_model_that_was_withdrawn_is_not_worth_a_change() -> None:
    found = study_results.study_result()
    wide = Cell("wide", {"model.arguments.width": 64})
    tables = tuple(dataclasses.replace(each, recommended=wide) for each in found.tables if each.recommended is not None)
    found = dataclasses.replace(found, tables=tables)
    assert answer_of(found).startswith("Early stopping, Precision and Augmentation are worth a change")
    withdrawn = dataclasses.replace(found, withdrawn="Another model is not recommended after all: it is slower.")
    assert answer_of(withdrawn).startswith("Nothing in 3 tables is measurably worth a change")
    assert withdrawn.withdrawn in notes_of(withdrawn)


def test_what_is_missing_is_named() -> None:
    found = study_results.study_result(confirmed=False)
    assert notes_of(found) == (
        "Devices broke: no GPU answers.",
        "The budget had no time for Pruning.",
        "The budget had too little time for a verdict on Optimizers.",
        "The recommended recipe was not run beside the given one: study.confirm is false.",
    )
    refused = dataclasses.replace(found, problem="blocks has no block to remove", not_begun=())
    assert notes_of(refused)[-1] == "The recommended recipe was not run: blocks has no block to remove."


def test_markdown_has_a_line_for_each_table_and_a_row_for_each_change() -> None:
    lines = markdown_of(study_results.study_result()).splitlines()
    assert "* **Augmentation**: flip: +1 points [+0.72, +1.3] in 3 seeds; keep it" in lines
    assert "* Transfer learning: left out: there are no pretrained weights for 8 × 8 images" in lines
    assert "| `train.early_stopping` | `{'patience': 2}` |" in "\n".join(lines)
    assert sum(line.startswith("| `") for line in lines) == 2


def test_names_are_listed_as_people_do() -> None:
    assert [in_words(names) for names in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
