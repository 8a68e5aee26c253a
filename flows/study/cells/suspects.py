"""Suspects: train rows that look mislabelled to models which were trained on other rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from flows.pipeline.preparation import prepare_again, start_branches
from flows.study.study_context import Study
from flows.study.study_outcome import Suspect
from tasks.core import Dataset, OutOfFold
from tasks.data.ingestion import train_source_rows
from tasks.data.splits.train_rows import drop_train_rows
from tasks.study.held_answers import answer_held
from tasks.study.verdicts import TableResult
from tasks.training.simple.folds import LEAST, folds_of


def without_suspects(study: Study) -> Dataset:
    """The data without the train rows that look mislabelled. Raises as `find_suspects`."""
    rows, store = tuple(each.row for each in find_suspects(study)), study.job.store
    dataset = study.prepared.dataset
    if not rows:
        return dataset
    label = f"leave out {len(rows)} rows that look mislabelled"
    return study.job.runner.run(label, drop_train_rows, dataset, rows, store)


def listed_suspects(study: Study, tables: Sequence[TableResult]) -> tuple[Suspect, ...]:
    """The rows that a table of the study left out, with their rows in the source; none where no table did."""
    is_measured = any(row.cell.without_suspects and row.seeds for table in tables for row in table.rows)
    found = find_suspects(study) if is_measured else ()
    places = train_source_rows(study.recipe.data, study.job.context) if found else None
    if places is None:
        return found
    return tuple(dataclasses.replace(each, source_row=int(places[each.row])) for each in found)


def find_suspects(study: Study) -> tuple[Suspect, ...]:
    """The train rows that look mislabelled, in their order; they are found once in a study.

    The recipe's model is trained LEAST times, each time without one part of the rows, for which it then answers.

    Raises:
        InputError: there are too few rows of a class, or groups, for so many parts.
        Refusal: the model cannot be made.
    """
    if study.suspects is None:
        study.suspects = judge_rows([answers_of_fold(number, study) for number in range(LEAST)], study)
    return study.suspects


def answers_of_fold(number: int, study: Study) -> OutOfFold:
    """What the recipe's model answers for the rows of a part, trained on all others."""
    job, store, run = study.job, study.job.store, study.job.runner.run
    held = tuple(folds_of(study.prepared, LEAST, store, ("train",))[number].held.tolist())
    rest = run(f"all but part {number + 1} of {LEAST}", drop_train_rows, study.prepared.dataset, held, store)
    prepared = prepare_again(job, dataclasses.replace(study.prepared, dataset=rest))
    file = start_branches(job, prepared).baseline.exported
    return run("answer the part", answer_held, file, study.prepared, held, job.recipe.runtime, job.context)


def judge_rows(parts: list[OutOfFold], study: Study) -> tuple[Suspect, ...]:
    """The rows whose answer speaks against their target."""
    import numpy as np

    from tasks.kernels.statistics.class_metrics import log_softmax
    from tasks.kernels.statistics.label_errors import doubtful_labels, doubtful_numbers

    store, classes = study.job.store, study.prepared.dataset.classes
    rows, targets, answers = (
        np.concatenate([store.get_array(getattr(each, name)) for each in parts])
        for name in ("rows", "targets", "answers")
    )
    if classes:
        seems = doubtful_labels(np.exp(log_softmax(answers)), targets)
        found = [
            Suspect(int(row), classes[label], classes[other])
            for row, label, other in zip(rows, targets, seems, strict=True)
            if label != other
        ]
    else:
        numbers = answers[:, 0].astype(np.float64)
        odd = doubtful_numbers(numbers, targets.astype(np.float64))
        found = [
            Suspect(int(row), f"{label:g}", f"{other:g}")
            for row, label, other in zip(rows[odd], targets[odd], numbers[odd], strict=True)
        ]
    return tuple(sorted(found, key=lambda each: each.row))
