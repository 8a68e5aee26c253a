"""What a study prunes, by the layers that the network has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import datasets, studies

from flows.study.designs.pruning import design_pruning
from tasks.compression.branch import Branch
from tasks.core import Store
from tasks.study.design import Design, UnsuitedTable


def designed(folder: Path, model: dict[str, Any]) -> Design | UnsuitedTable:
    store = Store(folder / "store")
    return design_pruning(studies.study_of(datasets.prepared_squares(store), store, model=model))


@pytest.mark.parametrize(
    ("factory", "kinds"),
    [
        ("convnet", ["filters", "a quarter of the filters"]),
        ("mlp", ["neurons", "a quarter of the neurons"]),
        ("alexnet", ["neurons", "filters", "filters and neurons", "a quarter of filters and neurons"]),
    ],
)
def test_neurons_and_filters_of_the_network(tmp_path: Path, factory: str, kinds: list[str]) -> None:
    design = designed(tmp_path, {"factory": f"tasks.architectures:{factory}", "arguments": {"width": 8}})
    assert isinstance(design, Design)
    assert [cell.name for cell in design.cells] == ["baseline", "weights", *kinds, "blocks", "low rank"]
    for cell in design.cells[1:]:
        Branch.model_validate({"name": cell.name, "steps": list(cell.steps)})
    assert [step["step"] for step in design.cells[1].steps] == ["weights", "recover", "pack"]


def test_neurons_alone_leave_the_convolutions(tmp_path: Path) -> None:
    design = designed(tmp_path, {"factory": "tasks.architectures:alexnet", "arguments": {"width": 8}})
    assert isinstance(design, Design)
    ignored = {cell.name: cell.steps[0].get("ignore", []) for cell in design.cells[1:]}
    assert ignored["neurons"]
    assert ignored["filters"]
    assert not set(ignored["neurons"]) & set(ignored["filters"])


def test_a_file_is_left_out(tmp_path: Path) -> None:
    found = designed(tmp_path, {"file": "model.onnx"})
    assert isinstance(found, UnsuitedTable)
    assert "nothing recovers" in found.reason
