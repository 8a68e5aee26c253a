"""Preprocessing: fitted on the train split only; applied in torch or by a graph here, and in the product's graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from tasks.core import Dataset, Prepared, SplitName, Store
from tasks.data.input_layout import layout_of_table
from tasks.data.preprocessing_spec import Normalize, PreprocessStep, Unscaled, check_steps
from tasks.data.tables.column_steps import ColumnStep, Scale
from tasks.data.tables.column_transformer import TextEncoding
from tasks.data.tables.date_columns import with_parts
from tasks.data.tables.table_preprocessing import fit_columns, table_features
from tasks.data.tables.target_transform import fit_target

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


Kind = TypeVar("Kind", Normalize, Scale)
Fitted = dict[str, Any]
"""Fitted preprocessing as JSON. Images: {kind, gain, shift}, with one number for each channel: pixel * gain + shift.
Arrays: {kind, name, gain, shift}, with one number for each place on the last axis. Tables: the record of
`table_preprocessing.fit_columns`. `raw` is true where values stay as they are.
Regression adds `target`: {mean, std}, which turn a network's answer into the data's unit: answer * std + mean; with
`transform_target` that is a mapped number, and `map` (`target_map.TargetMap.record`) has its inverse."""
TargetUnit = Literal["standardized", "data"]
"""The unit of a regression network's answers: deviations from the train targets' mean, or the data's own unit."""

COPIED = 0.25
"""Largest share of this machine's memory of which training reads an array as a copy."""


def preprocess(
    dataset: Dataset,
    steps: tuple[PreprocessStep, ...],
    store: Store,
    target_unit: TargetUnit = "standardized",
    encoding: TextEncoding = "one_hot",
) -> Prepared:
    """Fits the steps on the train split and prepares every split's compact inputs (see `Prepared.inputs`).

    The columns of the answer's data set have the parts of dates that the steps say.

    Args:
        target_unit: what the network answers in. A network that others trained answers in the data's own unit.
        encoding: how text of a table becomes numbers where no step says it.

    Raises:
        InputError: a step does not suit the kind of data or stands twice, or its numbers do not match the channels.
    """
    dataset = replace(dataset, columns=with_parts(dataset.columns, steps))
    fitted = fit_preprocessing(dataset, steps, store, target_unit, encoding)
    if dataset.kind != "table":
        inputs = {name: split.inputs for name, split in dataset.splits.items()}
        shape = dataset.input_shape
        shape = (shape[-1], *shape[:-1]) if dataset.kind == "images" else shape
    else:
        arrays = {name: table_features(store.get_frame(split.inputs), fitted) for name, split in dataset.splits.items()}
        inputs = {name: store.put_array(array) for name, array in arrays.items()}
        shape = (arrays["train"].shape[1],)
    layout = layout_of_table(dataset)
    codes = tuple((place, count) for place, count in fitted.get("categories", ()))
    return Prepared(dataset, store.put_json(fitted), inputs, shape, layout, codes)


def fit_preprocessing(
    dataset: Dataset,
    steps: tuple[PreprocessStep, ...],
    store: Store,
    target_unit: TargetUnit = "standardized",
    encoding: TextEncoding = "one_hot",
) -> Fitted:
    """Fits the steps on the train split; a kind of step that the recipe leaves out has its defaults."""
    check_steps(dataset, steps)
    train = dataset.splits["train"]
    if dataset.kind == "images":
        fitted = _fit_images(steps, dataset, store.get_array(train.inputs))
    elif dataset.kind == "array":
        fitted = _fit_array(steps, dataset.input_name, store.get_array(train.inputs))
    else:
        frame, answers = store.get_frame(train.inputs), store.get_array(train.targets)
        fitted = fit_columns(dataset, column_steps(steps), _is_unscaled(steps), frame, answers, encoding)
    if dataset.task == "regression":
        fitted["target"] = _fit_target(steps, store.get_array(train.targets), target_unit)
    return fitted


def _fit_target(steps: tuple[PreprocessStep, ...], targets: np.ndarray, target_unit: TargetUnit) -> dict[str, Any]:
    from tasks.kernels.statistics.target_map import target_record

    record = target_record(fit_target(steps, targets), targets)
    return record if target_unit == "standardized" else {**record, "mean": 0.0, "std": 1.0}


def _pick(kind: type[Kind], steps: tuple[PreprocessStep, ...]) -> Kind:
    """The recipe's step of this kind, or one with the defaults."""
    return next((step for step in steps if isinstance(step, kind)), kind())


def column_steps(steps: tuple[PreprocessStep, ...]) -> tuple[ColumnStep, ...]:
    """The steps that act on columns of a table."""
    return tuple(step for step in steps if not isinstance(step, Normalize | Unscaled))


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


def mapped(prepared: Prepared, split: SplitName, store: Store, most: float) -> np.ndarray:
    """A split's compact inputs as `compact`, but read from their file where they have more than `most` bytes."""
    array = store.get_array(prepared.inputs[split])
    if array.nbytes <= most:
        return compact(prepared, split, store)
    return array.transpose(0, 3, 1, 2) if prepared.dataset.kind == "images" else array


def targets(prepared: Prepared, split: SplitName, store: Store) -> np.ndarray:
    """A split's training targets, (count,): int64 class indices, or float32 numbers, mapped by `transform_target` and
    standardized by the train split."""
    import numpy as np

    raw = np.array(store.get_array(prepared.dataset.splits[split].targets))
    if prepared.dataset.task == "classification":
        return raw
    from tasks.kernels.statistics.target_map import standardize_targets

    return standardize_targets(raw, store.get_json(prepared.fitted)["target"]).astype(np.float32)


def training_arrays(prepared: Prepared, store: Store, most: float | None = None) -> dict[str, np.ndarray]:
    """The arrays for training: `train_inputs`, `train_targets`, `validation_inputs` and `validation_targets`.

    Inputs of more than `most` bytes, by default COPIED of this machine's memory, stay in their file: their array is
    mapped read-only, and a batch is read when it is needed.
    """
    import psutil

    limit = COPIED * psutil.virtual_memory().total if most is None else most
    found: dict[str, np.ndarray] = {}
    splits: tuple[SplitName, ...] = ("train", "validation")
    for split in splits:
        found[f"{split}_inputs"] = mapped(prepared, split, store, limit)
        found[f"{split}_targets"] = targets(prepared, split, store)
    return found
