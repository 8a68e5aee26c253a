"""Example columns: images, features and answers as columns."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import onnx_files, product_files

from tasks.kernels.onnx.feature_cut import cut_features
from tasks.monitoring.drift import look_for_drift
from tasks.monitoring.example_columns import (
    MOST_FEATURES,
    answer_columns,
    features_of,
    image_columns,
    input_columns,
    sharpness,
)
from tasks.monitoring.monitor_spec import MonitorSpec
from tasks.monitoring.reference_profile import describe_columns


def images(count: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 9, 3), dtype=np.uint8)


def test_columns_of_images() -> None:
    told = image_columns(images(), np.arange(12.0).reshape(6, 2))
    assert {"brightness", "contrast", "sharpness", "feature 0", "feature 1"} <= told.keys()
    assert told["brightness"] == pytest.approx(images().mean(axis=(1, 2, 3)))
    assert told["feature 1"].tolist() == [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]
    assert {values.shape for values in told.values()} == {(6,)}


def test_tiny_images_have_no_sharpness() -> None:
    assert "sharpness" not in image_columns(images()[:, :2])


def test_blur_lowers_sharpness_and_an_even_image_has_none() -> None:
    sharp = images(300).astype(np.float32)
    blurred = (sharp + np.roll(sharp, 1, 1) + np.roll(sharp, 1, 2) + np.roll(sharp, (1, 1), (1, 2))) / 4
    assert (sharpness(blurred) < sharpness(sharp)).all()
    assert sharpness(np.full((2, 5, 5, 1), 7.0)).tolist() == [0.0, 0.0]
    step = np.zeros((1, 3, 3, 1))
    step[0, 1, 1] = 1.0
    assert sharpness(np.concatenate([step, step], axis=2)).tolist() == pytest.approx([np.std([-4, 1, 1, -4])])


def test_answers_of_classes() -> None:
    told = answer_columns(np.array([[0.0, np.log(3)], [2.0, 2.0]]), ("no", "yes"))
    assert told["class"].tolist() == ["yes", "no"]
    assert told["confidence"] == pytest.approx([0.75, 0.5])


def test_answers_of_a_regression() -> None:
    assert answer_columns(np.array([[1.5], [2.0]]), ())["prediction"].tolist() == [1.5, 2.0]


def test_what_a_product_gets_as_columns() -> None:
    told = input_columns(product_files.image_file(), product_files.images(5))
    assert {"brightness", "contrast", "sharpness"} <= told.keys()
    assert told["brightness"] == pytest.approx(product_files.images(5)["image"].mean(axis=(1, 2, 3)))
    rows = product_files.rows(4)
    told = input_columns(product_files.table_file(), rows)
    assert told["rooms"].tolist() == rows["rooms"][:, 0].tolist()
    assert told["town"].tolist() == rows["town"][:, 0].tolist()


def test_answers_by_a_rule_of_their_own() -> None:
    told = answer_columns(np.array([[0.0, 1.0], [2.0, 1.0]]), ("no", "yes"), np.array([0, 0]))
    assert told["class"].tolist() == ["no", "no"]


def digits() -> np.ndarray:
    """(1797, 8, 8, 3) uint8 in an order that does not matter."""
    from sklearn.datasets import load_digits

    drawn = np.random.default_rng(0).permutation(1797)
    return np.repeat((load_digits().images[drawn] * 15).astype(np.uint8)[..., None], 3, axis=3)


def blurred(pictures: np.ndarray) -> np.ndarray:
    near = [np.roll(pictures.astype(np.float32), place, (1, 2)) for place in ((0, 0), (0, 1), (1, 0), (1, 1))]
    return np.asarray(np.mean(near, axis=0), np.uint8)


def test_features_tell_turned_pictures_that_simple_statistics_do_not() -> None:
    model, pictures = product_files.image_file(), digits()
    cut = cut_features(model)
    changes = {
        "inverted": lambda each: 255 - each,
        "blurred": blurred,
        "turned": lambda each: np.rot90(each, axes=(1, 2)),
        "shuffled": lambda each: each[::-1],
    }
    found: dict[str, tuple[str, ...]] = {}
    for with_features in (None, cut):
        reference = describe_columns(input_columns(model, {"image": pictures[:900]}, with_features))
        for name, change in changes.items():
            columns = input_columns(model, {"image": np.ascontiguousarray(change(pictures[900:]))}, with_features)
            look = look_for_drift("inputs", reference, columns, MonitorSpec(), 1)
            found[f"{name}{' by features' if with_features else ''}"] = look.changed
    assert found["shuffled"] == found["shuffled by features"] == ()
    assert "brightness" in found["inverted"]
    assert "sharpness" in found["blurred"]
    assert found["turned"] == ()
    assert [name for name in found["turned by features"] if name.startswith("feature ")]


def test_shuffled_pictures_seldom_warn_by_features() -> None:
    model, pictures = product_files.image_file(), digits()
    columns = input_columns(model, {"image": pictures}, cut_features(model))
    warned = 0
    for seed in range(40):
        drawn = np.random.default_rng(seed).permutation(len(pictures))
        reference = describe_columns({name: values[drawn[:900]] for name, values in columns.items()})
        batch = {name: values[drawn[900:]] for name, values in columns.items()}
        warned += look_for_drift("inputs", reference, batch, MonitorSpec(), 1).level != "fine"
    assert warned <= 4


def test_of_many_features_some_are_compared() -> None:
    weight = np.eye(3, 300, dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "weight"], ["y"])],
        "wide",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 300])],
        [numpy_helper.from_array(weight, "weight")],
    )
    found = features_of(
        onnx_files.model(graph, 17, 8).SerializeToString(), {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}
    )
    assert found.shape == (2, MOST_FEATURES)
    assert found[:, 0].tolist() == [0.0, 3.0]
