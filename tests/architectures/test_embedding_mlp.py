"""The families `mlp` and `embedding_mlp`: text of a table as one-hot features, or as the codes of embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support import datasets, runs

from flows.recipe.data_checks import check_recipe
from flows.recipe.schema import Recipe
from tasks.architectures import embedding_mlp
from tasks.conversion.onnx_export import serialize_network
from tasks.core import InputError, Prepared, Store
from tasks.data import input_layout
from tasks.data.preprocessing import compact, preprocess
from tasks.data.tables.column_steps import OneHot
from tasks.kernels.onnx import sessions
from tasks.models.factory import architecture_of, build_network, complete_factory
from tasks.models.model_spec import ModelSpec


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.workspace(tmp_path).store


def prepared_text(store: Store, family: Any, steps: Any = ()) -> Prepared:
    parts: dict[Any, Any] = {}
    for seed, split in enumerate(("train", "validation", "test", "calibration")):
        draw = np.random.default_rng(seed)
        table = pd.DataFrame({"city": draw.choice(list("abcdefg"), 60), "x": draw.normal(size=60)})
        table["kind"] = draw.choice(["u", ""] if split == "train" else ["u", "", "new"], 60)
        parts[split] = (table, (table["x"] > 0).astype(int))
    recipe = Recipe.model_validate({"name": "a", "data": {"source": "a.csv"}, "model": {"family": family}})
    dataset = datasets.table_set(store, parts, 2)
    return preprocess(dataset, steps, store, recipe.target_unit, recipe.text_encoding)


@pytest.mark.parametrize(
    ("family", "shape", "categories"), [("mlp", (1 + 7 + 1,), ()), ("embedding_mlp", (3,), ((1, 7), (2, 2)))]
)
def test_text_is_one_hot_or_the_codes_of_embeddings(family: Any, shape: Any, categories: Any, store: Store) -> None:
    prepared, spec = prepared_text(store, family), ModelSpec(family=family, arguments={"width": 8})
    assert (prepared.input_shape, prepared.categories) == (shape, categories)
    assert architecture_of(spec, prepared) == f"tasks.architectures:{family}"
    factory, arguments = complete_factory(spec, prepared)
    assert arguments.get("categories", []) == [list(each) for each in categories]
    network = build_network(factory, arguments)
    with torch.inference_mode():
        expected = network(torch.from_numpy(compact(prepared, "test", store))).numpy()
    data = serialize_network(network, prepared.dataset, store.get_json(prepared.fitted), prepared.input_shape)
    found = sessions.predict(data, input_layout.product_inputs(prepared, "test", store))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_preprocess_says_goes_before_embeddings(store: Store) -> None:
    prepared = prepared_text(store, "embedding_mlp", (OneHot(columns=("city",)),))
    assert prepared.categories == ((8, 2),)
    assert prepared.input_shape == (9,)


def test_pictures_are_one_message(store: Store) -> None:
    prepared = datasets.prepared_squares(store)
    recipe = Recipe.model_validate({"name": "a", "data": {"source": "x"}, "model": {"family": "embedding_mlp"}})
    with pytest.raises(InputError, match="suits tables only, but memory holds images") as caught:
        check_recipe(recipe, prepared, store)
    assert caught.value.path == "model.family"


def test_an_unknown_category_is_a_vector_of_zeros_and_codes_may_be_rounded() -> None:
    network = embedding_mlp([2], 1, categories=[(1, 3)], depth=0)
    columns = network[0]
    rows = torch.tensor([[0.5, -1.0], [0.5, 2.0], [0.5, 1.9999], [0.5, 99.0]])
    with torch.inference_mode():
        found = columns(rows)
    assert found.shape == (4, 1 + 2)
    assert found[0].tolist() == [0.5, 0, 0]
    assert torch.equal(found[1], found[2])
    assert torch.equal(found[1], found[3]), "a code beyond the last counts as the last"
    with pytest.raises(ValueError, match="categories must name features from 0 to 1"):
        embedding_mlp([2], 1, categories=[(2, 3)])
