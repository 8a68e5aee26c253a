"""The train score: an exported file on a bounded, seeded sample of the train split, as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import runs
from support.datasets import prepared_squares
from support.prepared_tables import prepared_table

from tasks.compression import train_score
from tasks.compression.train_score import score_on_train
from tasks.conversion import onnx_export
from tasks.conversion.onnx_export import Export
from tasks.core import Candidate, Context, MetricSpec, Prepared, Runtime, Store
from tasks.data import input_layout
from tasks.data.splits import split_strategies
from tasks.kernels.onnx import sessions
from tasks.kernels.statistics.intervals import wilson

Case = tuple[Candidate, Prepared, Context]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    store = Store(tmp_path_factory.mktemp("home") / "store")
    prepared = prepared_squares(store)
    model = runs.untrained(prepared, store, "tasks.architectures:mlp", width=8)
    return onnx_export.export(model, prepared, Export(), store), prepared, runs.context_of(store)


def scored(case: Case) -> float:
    found = score_on_train(case[0], case[1], MetricSpec(), Runtime(), case[2])
    assert found is not None
    assert (found.low, found.high) == pytest.approx(wilson(found.value * found.n, found.n))
    return found.value


def right(case: Case) -> np.ndarray:
    model, prepared, context = case
    inputs = input_layout.product_inputs(prepared, "train", context.store)
    answers = sessions.predict(context.store.path(model.content), inputs).argmax(axis=1)
    return np.asarray(answers == context.store.get_array(prepared.dataset.splits["train"].targets))


def test_all_train_examples_where_they_are_few(case: Case) -> None:
    assert scored(case) == pytest.approx(right(case).mean())


def test_a_seeded_sample_with_the_shares_of_the_classes_of_many(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_score, "MOST", 20)
    targets = case[2].store.get_array(case[1].dataset.splits["train"].targets)
    rows = split_strategies.sample(targets, 20, seed=0)
    assert np.bincount(targets[rows]).tolist() == [5, 5, 5, 5]
    assert scored(case) == scored(case) == pytest.approx(right(case)[rows].mean())


def test_a_metric_that_is_not_defined_there_is_no_score(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_score, "MOST", 1)
    assert score_on_train(case[0], case[1], MetricSpec("roc_auc"), Runtime(), case[2]) is None


def test_rows_of_a_table_and_of_pictures_are_those_of_the_split(case: Case, tmp_path: Path) -> None:
    store, rows = Store(tmp_path), np.array([1, 5])
    table = prepared_table(store)
    for prepared, known in ((case[1], case[2].store), (table, store)):
        whole = input_layout.product_inputs(prepared, "train", known)
        some = input_layout.product_inputs(prepared, "train", known, rows)
        assert some.keys() == whole.keys()
        assert all(np.array_equal(some[name], whole[name][rows]) for name in whole)
