"""Example columns: images, features of a network and a model's answers as columns, which a monitor compares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.input_layout import COLUMNS, DATES, disarranged, layout_of
from tasks.data.profiles.reference_statistics import example_statistics
from tasks.kernels.onnx import description

MOST_FEATURES = 64
"""Features of a network that are compared; of more, so many at even distances."""
_BATCH = 256


def input_columns(
    model: Path | bytes, inputs: Mapping[str, NDArray[Any]], cut: Path | bytes | None = None
) -> dict[str, NDArray[Any]]:
    """What a product gets, as columns (count,): those of a table, or statistics of images or of other arrays.

    Dates are left out: time goes on, and no batch would be like the reference.

    Args:
        model: the product; its metadata say what it takes.
        inputs: its inputs, as `product_inputs.read_examples` reads them.
        cut: of images, the product up to its last layer (`feature_cut.cut_features`), whose features are columns, too.
    """
    said = description.metadata(model)
    kind, layout = kind_of_examples(model), layout_of(said)
    if kind == "table":
        dates = json.loads(said.get(DATES, "{}"))
        found = {name: values[:, 0] for name, values in inputs.items()} if layout is None else {}
        if layout is not None:
            found = dict(zip(json.loads(said[COLUMNS]), inputs[layout.name].T, strict=True))
        return {name: values for name, values in found.items() if name not in dates}
    [values] = inputs.values()
    if kind != "images":
        return {name: np.asarray(each) for name, each in example_statistics(values).items()}
    return image_columns(disarranged(values, layout), None if cut is None else features_of(cut, inputs))


def features_of(cut: Path | bytes, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """What the last layer gets, (count, features): at most MOST_FEATURES; of maps, their means over the places.

    Args:
        cut: the product up to its last layer; a convolution's channels are the first axis after the examples, those of
            a matrix product the last.
        inputs: of the product.
    """
    from tasks.kernels.onnx import sessions

    found: NDArray[np.float64] = sessions.predict(cut, inputs).astype(np.float64)
    if found.ndim == 4:
        found = found.mean(axis=(2, 3))
    found = found.reshape(len(found), -1, found.shape[-1]).mean(axis=1)
    count = found.shape[1]
    return found if count <= MOST_FEATURES else found[:, np.arange(MOST_FEATURES) * count // MOST_FEATURES]


def kind_of_examples(model: Path | bytes) -> str:
    """What a product takes: `table`, `images` or `array`."""
    tensors, said = description.interface(model)[0], description.metadata(model)
    return said.get("kind", "images" if len(tensors) == 1 else "table")


def image_columns(images: NDArray[Any], features: NDArray[Any] | None = None) -> dict[str, NDArray[Any]]:
    """Columns of images (count, height, width, channels): brightness, contrast, sharpness, and features.

    Args:
        images: raw pixels.
        features: what a network's last layer gets for them, (count, features); named `feature 0`, ….
    """
    told = {name: np.asarray(values) for name, values in example_statistics(images).items()}
    if min(images.shape[1:3]) > 2:
        told["sharpness"] = sharpness(images)
    if features is not None:
        told |= {f"feature {place}": features[:, place] for place in range(features.shape[1])}
    return told


def sharpness(images: NDArray[Any]) -> NDArray[np.float64]:
    """The standard deviation of the Laplacian of each image, (count,), over its grey values: blur lowers it.

    Images are (count, height, width, channels), 3 pixels wide and high or more.
    """
    found = []
    for start in range(0, len(images), _BATCH):
        grey = images[start : start + _BATCH].astype(np.float64).mean(axis=3)
        middle = grey[:, 1:-1, 1:-1]
        around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
        found.append((around - 4 * middle).std(axis=(1, 2)))
    return np.concatenate(found) if found else np.zeros(0)


def answer_columns(
    outputs: NDArray[Any], classes: tuple[str, ...], answers: NDArray[np.integer[Any]] | None = None
) -> dict[str, NDArray[Any]]:
    """Columns of a model's answers: `class` and `confidence`, or of a regression `prediction`.

    Args:
        outputs: logits (count, classes), or predictions (count, 1) or (count,).
        classes: names of the classes; empty for a regression.
        answers: indices of the classes that are answered, (count,). None: the most probable ones.
    """
    from tasks.kernels.statistics.class_metrics import log_softmax

    if not classes:
        return {"prediction": np.ravel(outputs).astype(np.float64)}
    names = np.array(classes, dtype=object)[outputs.argmax(axis=1) if answers is None else answers]
    return {"class": names, "confidence": np.exp(log_softmax(outputs).max(axis=1))}
