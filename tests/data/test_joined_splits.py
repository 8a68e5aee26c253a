"""Train and validation as one train split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from support import runs

from tasks.core import Context
from tasks.data import ingestion
from tasks.data.data_spec import DataSpec
from tasks.data.preprocessing import preprocess
from tasks.data.splits.joined_splits import join_splits


def test_the_train_split_has_the_rows_of_both_and_the_others_stay(tmp_path: Path) -> None:
    table = pd.DataFrame({"number": np.arange(100.0) ** 2, "text": list("abcde") * 20, "answer": ["no", "yes"] * 50})
    table.to_csv(tmp_path / "table.csv", index=False)
    context = Context(runs.workspace(tmp_path))
    spec, store = DataSpec(source=str(tmp_path / "table.csv"), target="answer"), context.store
    prepared = preprocess(ingestion.ingest(spec, ingestion.source_stamp(spec), context), (), store)
    joined = join_splits(prepared, store)
    before, after = prepared.dataset.splits, joined.dataset.splits
    assert after["train"].count == before["train"].count + before["validation"].count == 80
    frame, first = store.get_frame(after["train"].inputs), store.get_frame(before["train"].inputs)
    pd.testing.assert_frame_equal(frame.iloc[: len(first)], first)
    pd.testing.assert_frame_equal(
        frame.iloc[len(first) :].reset_index(drop=True), store.get_frame(before["validation"].inputs)
    )
    assert len(store.get_array(after["train"].targets)) == 80
    assert {name: part for name, part in after.items() if name != "train"} == {
        name: part for name, part in before.items() if name != "train"
    }
    assert joined.dataset.fingerprint != prepared.dataset.fingerprint
    assert "train" not in joined.inputs
