"""Which ways of preparing the data a study compares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support import datasets, prepared_tables, studies

from flows.study.designs.preprocessing_design import design_preprocessing
from tasks.core import Store
from tasks.data.preprocessing import preprocess
from tasks.study.design import Design, UnsuitedTable


def names(design: Design | UnsuitedTable) -> list[str]:
    assert isinstance(design, Design)
    return [cell.name for cell in design.cells]


def test_pixels_are_normalized_divided_or_raw(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    design = design_preprocessing(studies.study_of(datasets.prepared_squares(store), store))
    assert names(design) == ["normalized as measured", "divided by 255", "raw pixels"]
    assert isinstance(design, Design)
    assert design.reference.values == {}
    assert design.cells[1].values == {
        "preprocess": [{"step": "normalize", "scale": 255.0, "mean": [0.0], "std": [1.0]}]
    }


def test_a_recipe_with_its_own_numbers_is_the_reference(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    own = [{"step": "normalize", "mean": [0.3], "std": [0.2]}]
    study = studies.study_of(datasets.prepared_squares(store), store, preprocess=own)
    assert names(design_preprocessing(study)) == [
        "as in the recipe",
        "normalized as measured",
        "divided by 255",
        "raw pixels",
    ]


def test_numbers_of_an_array_are_scaled_or_not(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    values = np.random.default_rng(0).normal(5, 2, (40, 12, 2)).astype(np.float32)
    splits = {name: (values, np.arange(40) % 2) for name in datasets.ORDER}
    prepared = preprocess(datasets.array_set(store, splits, classes=2), (), store)
    found = names(design_preprocessing(studies.study_of(prepared, store)))
    assert found == ["standard scaling", "min–max scaling", "no scaling"]


def test_a_table_varies_scales_and_codes_and_keeps_other_steps(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    steps = [{"step": "impute", "strategy": "mean"}]
    dataset = prepared_tables.prepared_table(store).dataset
    study = studies.study_of(preprocess(dataset, (), store), store, preprocess=steps)
    design = design_preprocessing(study)
    assert names(design) == [
        "standard scaling and one-hot text",
        "min–max scaling",
        "robust scaling",
        "quantile scaling",
        "no scaling",
        "ordinal text",
    ]
    assert isinstance(design, Design)
    assert design.cells[1].values["preprocess"] == [*steps, {"step": "scale", "method": "minmax"}]


def test_text_of_two_classes_is_encoded_by_the_target_too(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    prepared = preprocess(prepared_tables.prepared_table(store, classes=2).dataset, (), store)
    assert names(design_preprocessing(studies.study_of(prepared, store)))[-1] == "target-encoded text"


def test_trained_models_keep_what_they_were_trained_behind(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    study = studies.study_of(datasets.prepared_squares(store), store, model={"file": "model.onnx"})
    found = design_preprocessing(study)
    assert isinstance(found, UnsuitedTable)
    assert "its own preprocessing" in found.reason
