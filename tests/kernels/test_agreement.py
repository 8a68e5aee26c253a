"""Agreement finds the rows in which a file answers differently."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from support.mixed_tables import mixed_table, plain_transformer, raw_inputs, three_classes

from tasks.kernels.estimators.agreement import compare_answers, raw_feeds
from tasks.kernels.estimators.conversion import RawInput, convert_estimator
from tasks.kernels.onnx.serialization import dump

ROWS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
INPUTS = [RawInput("rows", "float32", 3)]


def test_rows_beyond_the_tolerance_are_named() -> None:
    model = Ridge().fit(ROWS, ROWS.sum(axis=1))
    file = dump(convert_estimator(model, INPUTS))
    assert compare_answers(model, file, ROWS, INPUTS).rows == ()
    model.coef_ = model.coef_ + np.array([0.5, 0, 0])
    rows = ROWS.copy()
    rows[:48, 0] = 0
    found = compare_answers(model, file, rows, INPUTS, scale=2.0)
    assert found.rows == (48, 49)
    assert found.largest == pytest.approx(np.abs(rows[48:, 0]).max() / 4, rel=1e-5)
    assert found.count == 50


def test_another_label_is_a_difference() -> None:
    targets = (ROWS[:, 0] > 0).astype(int)
    model = LogisticRegression().fit(ROWS, targets)
    file = dump(convert_estimator(model, INPUTS, ["no", "yes"]))
    assert compare_answers(model, file, ROWS, INPUTS, ["no", "yes"]).rows == ()
    assert compare_answers(model, file, ROWS, INPUTS, ["no", "of course"]).rows == tuple(
        np.flatnonzero(model.predict(ROWS) == 1)
    )


def test_gaps_in_text_are_filled_before() -> None:
    table = mixed_table(20)
    assert raw_feeds(table, raw_inputs(table))["größe"].shape == (20, 1)
    table["größe"] = table["größe"].astype(object)
    table.loc[3, "größe"] = None
    with pytest.raises(ValueError, match="column 'größe' is text, but holds None"):
        raw_feeds(table, raw_inputs(table))


def test_the_whole_table_is_compared() -> None:
    table = mixed_table(20)
    transformer = plain_transformer().fit(table, three_classes(table))
    file = dump(convert_estimator(transformer, raw_inputs(table)))
    assert compare_answers(transformer, file, mixed_table(1000), raw_inputs(table)).count == 1000
