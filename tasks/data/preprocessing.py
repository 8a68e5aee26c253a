"""Preprocessing: fitted on the train split only; applied in NumPy and torch here, and in the product's ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from tasks.core import Dataset, InputError, Prepared, SplitName, Store
from tasks.data.input_layout import layout_of_table
from tasks.data.preprocessing_spec import Impute, Normalize, OneHot, PreprocessStep, Scale, Unscaled, check_steps

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor


Kind = TypeVar("Kind", Normalize, Impute, Scale, OneHot)
Fitted = dict[str, Any]
"""Fitted preprocessing as JSON. Images: {kind, gain, shift}, with one number for each channel: pixel * gain + shift.
Arrays: {kind, name, gain, shift}, with one number for each place on the last axis. Tables: {kind, numbers: [{name,
fill, gain, shift}], categories: [{name, values}]}; `matrix` is the name of the one input for all columns, if it is one.
`raw` is true where values stay as they are. Regression adds `target`: {mean, std}, which turn a network's answer into
the data's unit: answer * std + mean."""
TargetUnit = Literal["standardized", "data"]
"""The unit of a regression network's answers: deviations from the train targets' mean, or the data's own unit."""


def preprocess(
    dataset: Dataset, steps: tuple[PreprocessStep, ...], store: Store, target_unit: TargetUnit = "standardized"
) -> Prepared:
    """Fits the steps on the train split and prepares every split's compact inputs (see `Prepared.inputs`).

    Args:
        target_unit: what the network answers in. A network that others trained answers in the data's own unit.

    Raises:
        InputError: a step does not suit the kind of data or stands twice, or its numbers do not match the channels.
    """
    fitted = fit_preprocessing(dataset, steps, store, target_unit)
    if dataset.kind != "table":
        inputs = {name: split.inputs for name, split in dataset.splits.items()}
        shape = dataset.input_shape
        shape = (shape[-1], *shape[:-1]) if dataset.kind == "images" else shape
    else:
        arrays = {name: features(store.get_frame(split.inputs), fitted) for name, split in dataset.splits.items()}
        inputs = {name: store.put_array(array) for name, array in arrays.items()}
        shape = (arrays["train"].shape[1],)
    layout = layout_of_table(dataset)
    return Prepared(dataset=dataset, fitted=store.put_json(fitted), inputs=inputs, input_shape=shape, layout=layout)


def fit_preprocessing(
    dataset: Dataset, steps: tuple[PreprocessStep, ...], store: Store, target_unit: TargetUnit = "standardized"
) -> Fitted:
    """Fits the steps on the train split; a kind of step that the recipe leaves out has its defaults."""
    check_steps(dataset, steps)
    train = dataset.splits["train"]
    if dataset.kind == "images":
        fitted = _fit_images(steps, dataset, store.get_array(train.inputs))
    elif dataset.kind == "array":
        fitted = _fit_array(steps, dataset.input_name, store.get_array(train.inputs))
    else:
        fitted = _fit_table(steps, dataset, store.get_frame(train.inputs))
    if dataset.task == "regression":
        targets = store.get_array(train.targets).astype("float64")
        measured = {"mean": float(targets.mean()), "std": float(targets.std()) or 1.0}
        fitted["target"] = measured if target_unit == "standardized" else {"mean": 0.0, "std": 1.0}
    return fitted


def _pick(kind: type[Kind], steps: tuple[PreprocessStep, ...]) -> Kind:
    """The recipe's step of this kind, or one with the defaults."""
    return next((step for step in steps if isinstance(step, kind)), kind())


def _is_unscaled(steps: tuple[PreprocessStep, ...]) -> bool:
    return any(isinstance(step, Unscaled) for step in steps)


def _fit_images(steps: tuple[PreprocessStep, ...], dataset: Dataset, pixels: np.ndarray) -> Fitted:
    channels = dataset.input_shape[2]
    if _is_unscaled(steps):
        return {"kind": "images", "gain": [1.0] * channels, "shift": [0.0] * channels, "raw": True}
    spec = _pick(Normalize, steps)
    scale = spec.scale or (255.0 if dataset.input_dtype == "uint8" else 1.0)
    mean, std = spec.mean, spec.std
    if mean is None or std is None:
        flat = pixels.reshape(-1, channels)
        mean = mean or tuple((flat.mean(axis=0, dtype="float64") / scale).tolist())
        std = std or tuple((flat.std(axis=0, dtype="float64") / scale).tolist())
    gain = [1 / (scale * (deviation or 1.0)) for deviation in std]
    shift = [-average / (deviation or 1.0) for average, deviation in zip(mean, std, strict=True)]
    return {"kind": "images", "gain": gain, "shift": shift}


def _fit_array(steps: tuple[PreprocessStep, ...], name: str, values: np.ndarray) -> Fitted:
    width = values.shape[-1]
    if _is_unscaled(steps) or _pick(Scale, steps).method == "none":
        return {"kind": "array", "name": name, "gain": [1.0] * width, "shift": [0.0] * width, "raw": True}
    flat = values.reshape(-1, width).astype("float64")
    low, span = (
        (flat.mean(axis=0), flat.std(axis=0))
        if _pick(Scale, steps).method == "standard"
        else (flat.min(axis=0), flat.max(axis=0) - flat.min(axis=0))
    )
    gain = [1 / each if each > 0 else 1.0 for each in span.tolist()]
    shift = [-each * by for each, by in zip(low.tolist(), gain, strict=True)]
    return {"kind": "array", "name": name, "gain": gain, "shift": shift}


def _fit_table(steps: tuple[PreprocessStep, ...], dataset: Dataset, frame: pd.DataFrame) -> Fitted:
    impute, scale, one_hot = _pick(Impute, steps), _pick(Scale, steps), _pick(OneHot, steps)
    unscaled = _is_unscaled(steps)
    scale = Scale(method="none") if unscaled else scale
    numbers, categories = [], []
    for column in dataset.columns:
        values = frame[column.name]
        if unscaled and (column.kind == "category" or values.isna().any()):
            what, step = ("text", "one_hot") if column.kind == "category" else ("missing numbers", "impute")
            law = f"passes numbers on as they are, but column {column.name!r} holds {what}"
            raise InputError(law, path="preprocess.0.step", value="none", nearest=f"[{{step: {step}}}]")
        if column.kind == "category":
            frequent = values[values != ""].value_counts().head(one_hot.max_categories).index
            categories.append({"name": column.name, "values": sorted(map(str, frequent))})
        else:
            numbers.append({"name": column.name, **_fit_number(impute, scale, values)})
    more = ({"raw": True} if unscaled else {}) | ({"matrix": dataset.input_name} if dataset.is_matrix else {})
    return {"kind": "table", "numbers": numbers, "categories": categories, **more}


def _fit_number(impute: Impute, scale: Scale, values: pd.Series) -> dict[str, float]:
    # A column without any value in the train split is filled with 0.
    known = values.dropna() if values.notna().any() else values.fillna(0.0)
    fill = float(known.median() if impute.strategy == "median" else known.mean())
    filled = values.fillna(fill).astype("float64")
    low, span = {
        "standard": (filled.mean(), filled.std(ddof=0)),
        "minmax": (filled.min(), filled.max() - filled.min()),
        "none": (0.0, 1.0),
    }[scale.method]
    gain = 1 / float(span) if span > 0 else 1.0
    return {"fill": fill, "gain": gain, "shift": -float(low) * gain}


def features(frame: pd.DataFrame, fitted: Fitted) -> np.ndarray:
    """Raw columns → float32 (count, features): the number columns, then the one-hot block of each category column."""
    import numpy as np

    blocks = []
    for number in fitted["numbers"]:
        values = frame[number["name"]].to_numpy(dtype=np.float32)
        values = np.where(np.isnan(values), np.float32(number["fill"]), values)
        blocks.append((values * np.float32(number["gain"]) + np.float32(number["shift"]))[:, None])
    for category in fitted["categories"]:
        values = frame[category["name"]].to_numpy(dtype=object)[:, None]
        blocks.append((values == np.array(category["values"], dtype=object)[None, :]).astype(np.float32))
    return np.concatenate(blocks, axis=1)


def to_network(fitted: Fitted, device: str = "cpu") -> Callable[[Tensor], Tensor]:
    """The part of preprocessing that runs on tensors: a function from a compact batch to the network's float32 input.

    Images: raw pixels (batch, channels, height, width) → pixel * gain + shift. Arrays: number * gain + shift along the
    last axis. Tables: features are unchanged.
    """
    import torch

    if fitted["kind"] == "table":
        return lambda batch: batch
    axes = (1, -1, 1, 1) if fitted["kind"] == "images" else (-1,)
    gain, shift = (
        torch.tensor(fitted[name], dtype=torch.float32, device=device).view(axes) for name in ("gain", "shift")
    )
    return lambda batch: torch.addcmul(shift, batch.to(torch.float32), gain)


def compact(prepared: Prepared, split: SplitName, store: Store) -> np.ndarray:
    """A split's compact inputs, copied.

    Raw pixels (count, channels, height, width), the raw array (count, …), or float32 (count, features) of a table.
    """
    import numpy as np

    array = store.get_array(prepared.inputs[split])
    # Always a copy: the store's arrays are mapped read-only, of which torch warns.
    return np.array(array.transpose(0, 3, 1, 2) if prepared.dataset.kind == "images" else array, order="C")


def targets(prepared: Prepared, split: SplitName, store: Store) -> np.ndarray:
    """A split's training targets, (count,): int64 class indices, or float32 numbers standardized by the train split."""
    import numpy as np

    raw = np.array(store.get_array(prepared.dataset.splits[split].targets))
    if prepared.dataset.task == "classification":
        return raw
    target = store.get_json(prepared.fitted)["target"]
    scaled: np.ndarray = ((raw - target["mean"]) / target["std"]).astype(np.float32)
    return scaled


def training_arrays(prepared: Prepared, store: Store) -> dict[str, np.ndarray]:
    """The arrays for training: `train_inputs`, `train_targets`, `validation_inputs` and `validation_targets`."""
    read = {"inputs": compact, "targets": targets}
    splits: tuple[SplitName, ...] = ("train", "validation")
    return {f"{split}_{part}": function(prepared, split, store) for split in splits for part, function in read.items()}
