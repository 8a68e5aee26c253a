"""Which networks a study compares, and in which sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import datasets, prepared_tables, studies

from flows.study.cells.made_cell import recipe_with
from flows.study.designs.architectures import LADDERS, NAMES, design_architectures
from flows.study.study_context import Study
from tasks.core import Store
from tasks.data.preprocessing import preprocess
from tasks.models.factory import complete_factory
from tasks.study.design import Design, UnsuitedTable


def designed(study: Study) -> Design:
    found = design_architectures(study)
    assert isinstance(found, Design)
    return found


def pictures(folder: Path, **sections: Any) -> Study:
    store = Store(folder / "store")
    return studies.study_of(datasets.prepared_squares(store), store, **sections)


def test_five_networks_for_pictures_in_three_sizes(tmp_path: Path) -> None:
    study = pictures(tmp_path, model={"factory": "tasks.architectures:convnet", "arguments": {"width": 16, "depth": 2}})
    names = [cell.name for cell in designed(study).cells]
    assert names[:3] == ["the recipe's own", "ConvNet, small", "ConvNet, large"]
    assert len(names) == 15
    assert {"ResNet, small", "VGG-like, medium", "AlexNet-like, large", "MobileNetV2-like, small"} < set(names)


def test_the_default_network_is_not_compared_with_itself(tmp_path: Path) -> None:
    assert "ConvNet, medium" not in [cell.name for cell in designed(pictures(tmp_path)).cells]


def test_every_size_can_be_built_and_grows(tmp_path: Path) -> None:
    from tasks.models.factory import build_network

    study = pictures(tmp_path, model={"factory": "tasks.architectures:resnet20"})
    counts = {}
    for cell in designed(study).cells[1:]:
        made = complete_factory(recipe_with(study.recipe, cell.values, 0).model, study.prepared)
        counts[cell.name] = sum(each.numel() for each in build_network(*made).parameters())
    for name in ("convnet", "resnet", "vgg", "alexnet", "mobilenet_v2"):
        sizes = [counts[f"{NAMES[name]}, {size}"] for size in ("small", "medium", "large")]
        assert sizes == sorted(sizes)
        assert len(LADDERS[name]) == len(set(sizes)) == 3


def test_arrays_have_sequences_and_tables_have_mlps(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    values = np.zeros((40, 12, 2), np.float32)
    splits = {name: (values, np.arange(40) % 2) for name in datasets.ORDER}
    arrays = preprocess(datasets.array_set(store, splits, classes=2), (), store)
    names = {cell.name for cell in designed(studies.study_of(arrays, store)).cells}
    assert {"1-D ConvNet, small", "transformer, large", "MLP, small"} < names
    tables = preprocess(prepared_tables.prepared_table(store).dataset, (), store)
    cells = designed(studies.study_of(tables, store, model={"family": "mlp"})).cells
    assert [cell.name for cell in cells] == [
        "the recipe's own",
        "MLP, small",
        "MLP, large",
        "MLP with embeddings, small",
        "MLP with embeddings, medium",
        "MLP with embeddings, large",
    ]
    assert cells[3].values["model.family"] == "embedding_mlp"


def test_a_users_own_network_is_varied_too(tmp_path: Path) -> None:
    study = pictures(tmp_path, model={"factory": "support.studies:wide", "arguments": {"width": 6}})
    cells = designed(study).cells
    assert [cell.name for cell in cells[1:3]] == ["wide, width 3", "wide, width 12"]
    assert cells[2].values == {"model.arguments.width": 12}


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"factory": "support.studies:fixed"}, "support.studies:fixed has no argument width or depth"),
        ({"file": "model.onnx"}, "trained already"),
    ],
)
def test_left_out_with_the_reason(tmp_path: Path, model: dict[str, Any], reason: str) -> None:
    found = design_architectures(pictures(tmp_path, model=model))
    assert isinstance(found, UnsuitedTable)
    assert reason in found.reason
