"""Boosters are known by their content, and read only where a graph gives their answers exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import mixed_tables, own_models

from tasks.core import InputError
from tasks.models.estimators.booster_files import kind_of_booster, read_booster

ROWS = own_models.user_rows(mixed_tables.mixed_table(200, 3))[["a_b", "1st value", "t1"]]
TARGETS = (ROWS["a_b"] > 0).astype(int).to_numpy()


def xgboost_file(path: Path, objective: str = "binary:logistic", **settings: object) -> str:
    xgboost = pytest.importorskip("xgboost")
    data = xgboost.DMatrix(ROWS, TARGETS)
    xgboost.train({"objective": objective, "nthread": 1, **settings}, data, 5).save_model(path)
    return str(path)


def test_the_kind_is_in_the_content(tmp_path: Path) -> None:
    text = own_models.lightgbm_file(tmp_path / "model.onnx", ROWS, TARGETS, objective="binary")
    (tmp_path / "x").write_bytes(b'{"tree_info": []}')
    found = [kind_of_booster(file) for file in (text, str(tmp_path / "x"), str(tmp_path / "absent"))]
    assert found == ["LightGBM", None, None]
    for name in ("m.json", "m.ubj"):
        assert kind_of_booster(xgboost_file(tmp_path / name)) == "XGBoost"


def test_a_booster_answers_as_its_library(tmp_path: Path) -> None:
    import lightgbm

    file = own_models.lightgbm_file(tmp_path / "m.txt", ROWS, TARGETS, objective="binary")
    found = read_booster(file)
    expected = lightgbm.Booster(model_file=file).predict(ROWS)
    np.testing.assert_array_equal(found.predict_proba(ROWS)[:, 1], expected)
    assert list(found.classes_) == [0, 1]
    assert list(found.feature_names_in_) == ["a_b", "1st_value", "t1"]
    with pytest.raises(TypeError, match="not fitted again"):
        found.fit(ROWS, TARGETS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "cross_entropy"}, "must have an objective whose answers.*but got 'cross_entropy'"),
        ({"objective": "binary", "sigmoid": 2.0}, "but got 'binary sigmoid:2'"),
        ({"objective": "regression", "reg_sqrt": True}, "but got 'regression sqrt'"),
        ({"objective": "regression", "linear_tree": True}, "has linear leaves"),
        ({"objective": "regression", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "random forest"),
    ],
)
def test_boosters_of_lightgbm_without_an_exact_graph(settings: dict[str, object], message: str, tmp_path: Path) -> None:
    file = own_models.lightgbm_file(tmp_path / "m.txt", ROWS, TARGETS, **settings)
    with pytest.raises(InputError, match=rf"m\.txt: model\.file: .*{message}"):
        read_booster(file)


@pytest.mark.parametrize(
    ("objective", "settings", "message"),
    [
        ("binary:hinge", {}, "must have an objective of binary:logistic.*but got 'binary:hinge'"),
        ("reg:squarederror", {"booster": "dart"}, "must be a model of trees: booster gbtree, but got 'dart'"),
    ],
)
def test_boosters_of_xgboost_without_an_exact_graph(
    objective: str, settings: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        read_booster(xgboost_file(tmp_path / "m.json", objective, **settings))


def test_a_file_that_is_cut_off_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text("tree\nversion=v4\nnum_class=1\n")
    (tmp_path / "m.json").write_text('{"learner": {')
    with pytest.raises(InputError, match="is no readable model of LightGBM"):
        read_booster(str(tmp_path / "m.txt"))
    pytest.importorskip("xgboost")
    with pytest.raises(InputError, match="is no readable model of XGBoost"):
        read_booster(str(tmp_path / "m.json"))
