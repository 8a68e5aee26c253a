"""Example columns: images, features of a network and a model's answers as columns, which a monitor compares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.data.profiles.reference_statistics import example_statistics

_BATCH = 256


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


def answer_columns(outputs: NDArray[Any], classes: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Columns of a model's answers: `class` and `confidence`, or of a regression `prediction`.

    Args:
        outputs: logits (count, classes), or predictions (count, 1) or (count,).
        classes: names of the classes; empty for a regression.
    """
    from tasks.kernels.statistics.class_metrics import log_softmax

    if not classes:
        return {"prediction": np.ravel(outputs).astype(np.float64)}
    names = np.array(classes, dtype=object)[outputs.argmax(axis=1)]
    return {"class": names, "confidence": np.exp(log_softmax(outputs).max(axis=1))}
