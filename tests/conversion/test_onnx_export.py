"""ONNX export: one file that takes what the user has, proven hop by hop, with nothing of this machine in it."""

from __future__ import annotations

import dataclasses
import getpass
import json
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from support import datasets, runs
from torch import Tensor, nn

from tasks.conversion import onnx_export
from tasks.conversion.onnx_export import Export
from tasks.core import Candidate, Prepared, Refusal, Store
from tasks.data import input_layout, preprocessing
from tasks.evaluation import parity
from tasks.kernels.onnx import description, sessions
from tasks.techniques import replay

CONVNET = "tasks.architectures:convnet"


class TwoFaced(nn.Module):
    """Another network when it is exported."""

    def __init__(self, input_shape: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(int(np.prod(input_shape)), outputs)

    def forward(self, batch: Tensor) -> Tensor:
        answer: Tensor = self.linear(batch.flatten(1))
        return answer * 1.5 if torch.compiler.is_exporting() else answer


@dataclasses.dataclass(frozen=True)
class Exported:
    """A torch candidate, its ONNX candidate and where both lie."""

    store: Store
    prepared: Prepared
    before: Candidate
    after: Candidate

    @property
    def data(self) -> bytes:
        return self.store.get(self.after.content)

    def by_torch(self) -> np.ndarray:
        """What torch answers on validation."""
        to_network = preprocessing.to_network(self.store.get_json(self.prepared.fitted))
        batch = torch.from_numpy(preprocessing.compact(self.prepared, "validation", self.store))
        with torch.inference_mode():
            answers: np.ndarray = replay.load_network(self.before, self.store)(to_network(batch)).numpy()
        return answers


def export(prepared: Prepared, store: Store, factory: str, **arguments: int) -> Exported:
    before = runs.untrained(prepared, store, factory, **arguments)
    return Exported(store, prepared, before, onnx_export.export(before, prepared, Export(), store))


def people(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    generator = np.random.default_rng(seed)
    age = generator.uniform(18, 80, count).astype("float32")
    town = generator.choice(["Bonn", "Rome", "Oslo"], count)
    frame = pd.DataFrame({"town": list(map(str, town)), "age": age, "prediction": age * 2})
    frame.loc[::5, "age"] = np.nan
    return frame, (30_000 + 500 * age).astype("float32")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A small convolutional network on grey pictures."""
    store = Store(tmp_path_factory.mktemp("pictures"))
    return export(datasets.prepared_squares(store), store, CONVNET, width=4, depth=1)


@pytest.fixture(scope="module")
def salaries(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A small perceptron that answers in a large unit."""
    store = Store(tmp_path_factory.mktemp("salaries"))
    dataset = datasets.table_set(store, {"train": people(50, 0), "validation": people(30, 1)})
    return export(preprocessing.preprocess(dataset, (), store), store, "tasks.architectures:mlp", width=8)


def test_the_product_takes_raw_pixels_in_batches_of_any_size(pictures: Exported) -> None:
    described = description.describe(pictures.data)
    assert [(each.name, each.shape, each.dtype) for each in described.inputs] == [
        ("image", ("batch", 8, 8, 1), "uint8")
    ]
    assert [(each.name, each.shape) for each in described.outputs] == [("logits", ("batch", 4))]
    inputs = input_layout.product_inputs(pictures.prepared, "validation", pictures.store)
    for count in (1, 7, 40):
        found = sessions.predict(pictures.data, {"image": inputs["image"][:count]}, batch=count)
        np.testing.assert_allclose(found, pictures.by_torch()[:count], atol=1e-4)


def test_the_product_takes_raw_columns_by_name(salaries: Exported) -> None:
    described = description.describe(salaries.data)
    found = {each.name: (each.shape, each.dtype) for each in described.inputs}
    wide = ("batch", 1)
    assert found == {"town": (wide, "string"), "age": (wide, "float32"), "prediction": (wide, "float32")}
    inputs = input_layout.product_inputs(salaries.prepared, "validation", salaries.store)
    answers = [
        sessions.predict(salaries.data, {name: array[:count] for name, array in inputs.items()}, batch=count)
        for count in (1, 7, 30)
    ]
    for answer in answers:
        np.testing.assert_allclose(answer, answers[-1][: len(answer)], rtol=1e-6)


def test_regression_answers_in_the_target_s_own_unit(salaries: Exported) -> None:
    inputs = input_layout.product_inputs(salaries.prepared, "validation", salaries.store)
    target = salaries.store.get_json(salaries.prepared.fitted)["target"]
    assert 40_000 < target["mean"] < 70_000
    expected = salaries.by_torch() * target["std"] + target["mean"]
    np.testing.assert_allclose(sessions.predict(salaries.data, inputs), expected, rtol=1e-5)


def test_an_output_does_not_share_the_name_of_a_column(salaries: Exported) -> None:
    assert [each.name for each in description.describe(salaries.data).outputs] == ["prediction_"]


@pytest.mark.parametrize("kind", ["pictures", "salaries"])
def test_every_hop_is_recorded(kind: str, request: pytest.FixtureRequest) -> None:
    made: Exported = request.getfixturevalue(kind)
    hops = parity.parity_of(made.after, made.store)
    assert [hop.hop for hop in hops] == ["torch → ONNX", "ONNX → fused"]
    for hop in hops:
        assert hop.passed
        assert hop.agreement == 1.0
        assert hop.n == made.prepared.dataset.splits["validation"].count
    largest = np.abs(made.by_torch()).max()
    assert hops[0].max_difference < 1e-3 * max(1, largest) * (60_000 if kind == "salaries" else 1)
    step = made.after.lineage[-1]
    assert (step.technique, step.plan, step.parent) == ("export", None, made.before.digest)
    assert (made.after.form, made.after.lineage[:-1]) == ("onnx", made.before.lineage)


def test_the_file_names_its_classes(pictures: Exported, salaries: Exported) -> None:
    found = description.metadata(pictures.data)
    assert json.loads(found["classes"]) == ["class 0", "class 1", "class 2", "class 3"]
    assert (found["task"], found["kind"]) == ("classification", "images")
    assert description.metadata(salaries.data)["task"] == "regression"
    assert json.loads(description.metadata(salaries.data)["classes"]) == []


@pytest.mark.parametrize("kind", ["pictures", "salaries"])
def test_nothing_of_this_machine_is_in_the_file(kind: str, request: pytest.FixtureRequest) -> None:
    made: Exported = request.getfixturevalue(kind)
    here = Path(__file__).resolve().parents[2]
    traces = {os.getcwd(), str(here), str(Path.home()), sys.prefix, sys.base_prefix, str(made.store.root)}
    traces |= {"site-packages", ".py", socket.gethostname(), f"/{getpass.getuser()}/"}
    for trace in traces:
        assert trace.encode() not in made.data, trace


def test_the_same_model_gives_the_same_bytes(pictures: Exported) -> None:
    again = onnx_export.export(pictures.before, pictures.prepared, Export(), pictures.store)
    assert again.content == pictures.after.content


def test_a_network_that_answers_otherwise_in_onnx_is_refused_by_its_hop(pictures: Exported) -> None:
    before = runs.untrained(pictures.prepared, pictures.store, f"{__name__}:TwoFaced")
    with pytest.raises(Refusal, match=r"^torch → ONNX: outputs differ by \d.* \(largest difference at most 0\.001"):
        onnx_export.export(before, pictures.prepared, Export(), pictures.store)


def test_a_hop_that_is_not_exact_enough_is_refused(pictures: Exported) -> None:
    with pytest.raises(Refusal, match=r"^(torch → ONNX|ONNX → fused): outputs differ by"):
        onnx_export.export(pictures.before, pictures.prepared, Export(tolerance=1e-30), pictures.store)


def test_an_onnx_candidate_is_not_exported_again(pictures: Exported) -> None:
    with pytest.raises(Refusal, match="is an ONNX file"):
        onnx_export.export(pictures.after, pictures.prepared, Export(), pictures.store)
