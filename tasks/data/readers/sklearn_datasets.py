"""The data sets included in scikit-learn, read from its folder without importing it (which takes seconds)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tasks.core import InputError, nearest_choice
from tasks.data.readers import data_frames
from tasks.data.readers.examples import Examples, Request, Rows

PREFIX = "sklearn:"

_IRIS = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
_WINE = (
    "alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids",
    "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue", "od280/od315_of_diluted_wines",
    "proline",
)  # fmt: skip
_CELL = (
    "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave points",
    "symmetry", "fractal dimension",
)  # fmt: skip
_CANCER = (
    *(f"mean {name}" for name in _CELL),
    *(f"{name} error" for name in _CELL),
    *(f"worst {name}" for name in _CELL),
)  # fmt: skip
_DIABETES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")


def read_sklearn(request: Request) -> Rows:
    """The raw rows of `sklearn:NAME` (a key of READERS); the target column of a table is called `target`.

    digits: uint8 (1797, 8, 8, 1), values 0 to 16. diabetes: the raw columns, not the scaled ones. Raises InputError
    for another name, and when scikit-learn is not installed.
    """
    name = request.source.removeprefix(PREFIX)
    if name not in READERS:
        raise InputError(
            "must be a data set that scikit-learn ships",
            path=request.field,
            value=request.source,
            nearest=PREFIX + (nearest_choice(name, READERS) or "digits"),
        )
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("needs the package scikit-learn", path=request.field, value=request.source)
    return READERS[name](Path(spec.submodule_search_locations[0]) / "datasets" / "data", request)


def _digits(folder: Path, request: Request) -> Rows:
    values = np.loadtxt(folder / "digits.csv.gz", delimiter=",", dtype=np.uint8)
    return Rows("images", Examples(values[:, :-1].reshape(-1, 8, 8, 1), values[:, -1].astype(np.int64)))


def _classes(file: str, columns: tuple[str, ...]) -> Callable[[Path, Request], Rows]:
    """A reader of a CSV whose first line holds the numbers of rows and columns and the class names, and whose last
    column is the class index."""

    def read(folder: Path, request: Request) -> Rows:
        header = (folder / file).read_text().split("\n", 1)[0].split(",")
        values = np.loadtxt(folder / file, delimiter=",", skiprows=1)
        return _table(values[:, :-1], np.array(header[2:], dtype=object)[values[:, -1].astype(int)], columns, request)

    return read


def _diabetes(folder: Path, request: Request) -> Rows:
    inputs = np.loadtxt(folder / "diabetes_data_raw.csv.gz")
    return _table(inputs, np.loadtxt(folder / "diabetes_target.csv.gz"), _DIABETES, request)


def _table(inputs: np.ndarray, targets: np.ndarray, columns: tuple[str, ...], request: Request) -> Rows:
    from pandas import DataFrame

    frame = DataFrame(inputs, columns=list(columns)).assign(target=targets)
    return data_frames.frame_rows(frame, replace(request, target=request.target or "target"))


READERS: dict[str, Callable[[Path, Request], Rows]] = {
    "digits": _digits,
    "wine": _classes("wine_data.csv", _WINE),
    "breast_cancer": _classes("breast_cancer.csv", _CANCER),
    "diabetes": _diabetes,
    "iris": _classes("iris.csv", _IRIS),
}
