"""Redaction: no text that may tell of a single row leaves the store."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from tasks.data.profiles.profile_builder import build_profile
from tasks.data.profiles.redaction import of_inputs, without_examples
from tasks.data.profiles.table_profile import describe_table
from tasks.data.readers import Examples, Request, column_types, data_frames


def test_rare_categories_names_and_words_stay_home() -> None:
    texts = {
        "town": ["Ulm"] * 90 + ["Bonn"] * 7 + ["Erewhon"] * 3,
        "person": [f"Ms {100 + (row if row < 80 else 0)}" for row in range(100)],
        "amount": [f"{row / 7:.3f}" for row in range(99)] + ["ask Mr Smith"],
    }
    frame = pd.DataFrame({**texts, "y": ["no", "yes"] * 50}).astype("str")
    request = Request("a.csv", target="y")
    rows = data_frames.frame_rows(frame, request, is_text=True)
    types = column_types.types_of_table(rows, request)
    assert rows.target_column is not None
    seen = describe_table(types, rows.target_column, rows.train.targets)
    train = Examples(types.frame, np.array([0, 1] * 50))
    profile = build_profile(seen, {"train": train}, train, types.columns, ("no", "yes"))
    assert all(each in json.dumps(profile) for each in ("Ulm", "Bonn", "Erewhon", "Ms 100", "Mr Smith"))
    shown = json.dumps(without_examples(profile))
    assert "Ulm" in shown
    assert "Bonn" in shown
    assert not any(each in shown for each in ("Erewhon", "Ms 1", "Mr Smith"))
    told = without_examples(profile)["reference"]["columns"]
    assert (told["town"]["shares"], told["town"]["other"]) == ({"Ulm": 0.9, "Bonn": 0.07}, 0.03)
    assert (told["person"]["shares"], told["person"]["other"]) == ({}, 1.0)


def test_other_data_stay_as_they_are() -> None:
    assert without_examples({"shape": [2, 2, 1]}) == {"shape": [2, 2, 1]}


def test_a_profile_of_a_product_has_its_inputs_only() -> None:
    profile = {"columns": [{"name": "a"}, {"name": "b"}], "reference": {"columns": {"a": 1, "b": 2}, "rows": 3}}
    assert of_inputs(profile, ["b"]) == {"columns": [{"name": "b"}], "reference": {"columns": {"b": 2}, "rows": 3}}
    assert of_inputs(profile, ["columns"]) == profile, "one input for all columns"
