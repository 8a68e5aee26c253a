"""Preprocessing: fitted on the train split only; applied in NumPy and torch here, and in the product's ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import Field

from tasks.core import Dataset, InputError, Prepared, Spec, SplitName, Store

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor


class Normalize(Spec):
    """Images: (pixel / scale - mean) / std for each channel."""

    step: Literal["normalize"] = "normalize"
    mean: tuple[float, ...] | None = None
    """One number for each channel, in units of pixel / scale. Absent: measured on the train split."""
    std: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    """One number for each channel, in units of pixel / scale. Absent: measured on the train split."""
    scale: float | None = Field(default=None, gt=0)
    """The number by which pixels are first divided. Absent: 255 for uint8 pixels, else 1."""


class Impute(Spec):
    """Tables: a missing number is replaced by a statistic of its column on the train split."""

    step: Literal["impute"] = "impute"
    strategy: Literal["median", "mean"] = "median"
    """The statistic."""


class Scale(Spec):
    """Tables: number columns are shifted and scaled."""

    step: Literal["scale"] = "scale"
    method: Literal["standard", "minmax", "none"] = "standard"
    """`standard`: mean 0 and standard deviation 1 on train; `minmax`: 0 to 1 on train; `none`: unchanged."""


class OneHot(Spec):
    """Tables: one feature for each category seen in train; other categories give zeros only."""

    step: Literal["one_hot"] = "one_hot"
    max_categories: int = Field(default=64, ge=1)
    """Most categories of a column; the most frequent ones are kept."""


class Unscaled(Spec):
    """Images and tables: raw values as float32, neither shifted nor scaled. It stands alone, and takes no text."""

    step: Literal["none"] = "none"


IMAGES = (Normalize, Unscaled)
TABLES = (Impute, Scale, OneHot, Unscaled)
Kind = TypeVar("Kind", Normalize, Impute, Scale, OneHot)
PreprocessStep = Annotated[Normalize | Impute | Scale | OneHot | Unscaled, Field(discriminator="step")]
Fitted = dict[str, Any]
"""Fitted preprocessing as JSON. Images: {kind, gain, shift}, with one number for each channel: pixel * gain + shift.
Tables: {kind, numbers: [{name, fill, gain, shift}], categories: [{name, values}]}. Regression adds `target`: {mean,
std}, which turn a network's answer into the data's unit: answer * std + mean."""
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
    if dataset.kind == "images":
        inputs = {name: split.inputs for name, split in dataset.splits.items()}
        height, width, channels = dataset.input_shape
        shape: tuple[int, ...] = (channels, height, width)
    else:
        arrays = {name: features(store.get_frame(split.inputs), fitted) for name, split in dataset.splits.items()}
        inputs = {name: store.put_array(array) for name, array in arrays.items()}
        shape = (arrays["train"].shape[1],)
    return Prepared(dataset=dataset, fitted=store.put_json(fitted), inputs=inputs, input_shape=shape)


def fit_preprocessing(
    dataset: Dataset, steps: tuple[PreprocessStep, ...], store: Store, target_unit: TargetUnit = "standardized"
) -> Fitted:
    """Fits the steps on the train split; a kind of step that the recipe leaves out has its defaults."""
    _check_steps(dataset, steps)
    train = dataset.splits["train"]
    if dataset.kind == "images":
        fitted = _fit_images(steps, dataset, store.get_array(train.inputs))
    else:
        fitted = _fit_table(steps, dataset, store.get_frame(train.inputs))
    if dataset.task == "regression":
        targets = store.get_array(train.targets).astype("float64")
        measured = {"mean": float(targets.mean()), "std": float(targets.std()) or 1.0}
        fitted["target"] = measured if target_unit == "standardized" else {"mean": 0.0, "std": 1.0}
    return fitted


def _check_steps(dataset: Dataset, steps: tuple[PreprocessStep, ...]) -> None:
    suited, kinds = (IMAGES, "images") if dataset.kind == "images" else (TABLES, "tables")
    tags = [step.step for step in steps]
    for index, step in enumerate(steps):
        path = f"preprocess.{index}"
        if not isinstance(step, suited):
            names = ", ".join(str(kind.model_fields["step"].default) for kind in suited if kind is not Unscaled)
            raise InputError(f"does not suit {kinds}", path=f"{path}.step", value=step.step, nearest=names)
        if step.step == "none" and len(steps) > 1:
            others = ", ".join(tag for tag in tags if tag != "none")
            raise InputError(f"must stand alone, but {others} stands beside it", path=f"{path}.step", value="none")
        if step.step in tags[:index]:
            raise InputError("must not stand twice", path=f"{path}.step", value=step.step)
        for name in ("mean", "std") if isinstance(step, Normalize) else ():
            given, channels = getattr(step, name), dataset.input_shape[-1]
            if given is not None and len(given) != channels:
                law = f"must hold one number for each of {channels} channels"
                raise InputError(law, path=f"{path}.{name}", value=list(given))


def _pick(kind: type[Kind], steps: tuple[PreprocessStep, ...]) -> Kind:
    """The recipe's step of this kind, or one with the defaults."""
    return next((step for step in steps if isinstance(step, kind)), kind())


def _is_unscaled(steps: tuple[PreprocessStep, ...]) -> bool:
    return any(isinstance(step, Unscaled) for step in steps)


def _fit_images(steps: tuple[PreprocessStep, ...], dataset: Dataset, pixels: np.ndarray) -> Fitted:
    channels = dataset.input_shape[2]
    if _is_unscaled(steps):
        return {"kind": "images", "gain": [1.0] * channels, "shift": [0.0] * channels}
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
    return {"kind": "table", "numbers": numbers, "categories": categories}


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

    Images: raw pixels (batch, channels, height, width) → pixel * gain + shift. Tables: features are unchanged.
    """
    import torch

    if fitted["kind"] == "table":
        return lambda batch: batch
    gain, shift = (
        torch.tensor(fitted[name], dtype=torch.float32, device=device).view(1, -1, 1, 1) for name in ("gain", "shift")
    )
    return lambda batch: torch.addcmul(shift, batch.to(torch.float32), gain)


def compact(prepared: Prepared, split: SplitName, store: Store) -> np.ndarray:
    """A split's compact inputs, copied: raw pixels (count, channels, height, width), or float32 (count, features)."""
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


def product_inputs(dataset: Dataset, split: SplitName, store: Store) -> dict[str, np.ndarray]:
    """A split as the product's inputs: `image` (count, height, width, channels), or a (count, 1) array per column."""
    digest = dataset.splits[split].inputs
    if dataset.kind == "images":
        return {"image": store.get_array(digest)}
    frame = store.get_frame(digest)
    kinds: dict[str, Any] = {"number": "float32", "category": object}
    return {column.name: frame[column.name].to_numpy(dtype=kinds[column.kind])[:, None] for column in dataset.columns}
