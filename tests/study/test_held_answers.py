"""What a file answers for rows of train."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support import datasets, runs

from tasks.conversion.onnx_export import Export, export
from tasks.core import Runtime, Store
from tasks.study.held_answers import answer_held


def test_the_rows_that_are_named_are_answered(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    prepared = datasets.prepared_squares(store)
    model = runs.untrained(prepared, store, "tasks.architectures:mlp", width=8, depth=1)
    file = export(model, prepared, Export(), store)
    context = runs.context_of(store)
    some = answer_held(file, prepared, (1, 6, 30), Runtime(), context)
    whole = answer_held(file, prepared, tuple(range(64)), Runtime(), context)
    assert (some.count, whole.count) == (3, 64)
    assert store.get_array(some.rows).tolist() == [1, 6, 30]
    assert store.get_array(some.targets).tolist() == [1, 2, 2]
    assert store.get_array(some.answers).shape == (3, 4)
    np.testing.assert_allclose(store.get_array(some.answers), store.get_array(whole.answers)[[1, 6, 30]], rtol=1e-5)
