"""Fronts: what stands between the user's data and an ONNX file made by others, decided by what the file takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.core import Dataset, InputError, SplitName, Store, nearest
from tasks.data import preprocessing

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.onnx.description import Tensor

PATH = "model.file"
"""Where a recipe names the file, for messages."""
FLOATS = ("float16", "float32", "float64")


@dataclass(frozen=True)
class InputAdapter:
    """How the data become what a file takes."""

    inputs: tuple[str, ...]
    """The product's inputs: `image`, or the columns in the order in which they are put together."""
    given: str | None
    """The file's one input that is fed; None when the file takes the data as they are, by the same names."""
    dtype: str
    """What `given` must be made of."""
    planes: bool
    """Whether images go in as (batch, channels, height, width)."""
    fitted: dict[str, Any] | None
    """The preprocessing that is put in front; None leaves every value as it is."""
    batch: int | str
    """1 for a file that takes one example at a time."""

    @property
    def words(self) -> str:
        """What is put in front, for people."""
        parts = [*(["the recipe's preprocessing"] if self.fitted else []), *(["channels first"] if self.planes else [])]
        return " and ".join(parts) or "nothing"


def front_of(
    inputs: tuple[Tensor, ...], dataset: Dataset, fitted: dict[str, Any], asked: bool, file: str
) -> InputAdapter:
    """What a file with these inputs needs in front, to take the data as they are.

    Args:
        inputs: what the file takes.
        dataset: what the user has.
        fitted: the preprocessing, fitted on train.
        asked: whether the recipe names a preprocessing; otherwise the file takes the values as they are.
        file: the ONNX file, for the message.

    Raises:
        InputError: the file takes something else than the data, or the recipe does not say how to get there.
    """
    batch = _batch(inputs, file)
    if dataset.kind == "images":
        return _of_images(inputs, dataset, fitted if asked else None, batch, file)
    return _of_table(inputs, dataset, fitted, asked, batch, file)


def _batch(inputs: tuple[Tensor, ...], file: str) -> int | str:
    sizes = {tensor.shape[0] for tensor in inputs if tensor.shape}
    fixed = {size for size in sizes if isinstance(size, int)}
    if fixed - {1}:
        law = "must take one example at a time, or any number of them"
        raise InputError(law, file=file, path=PATH, value=listed(inputs))
    return 1 if fixed else "batch"


def _of_images(
    inputs: tuple[Tensor, ...], dataset: Dataset, fitted: dict[str, Any] | None, batch: int | str, file: str
) -> InputAdapter:
    height, width, channels = dataset.input_shape
    raw, planes = (height, width, channels), (channels, height, width)
    tensor = inputs[0]
    fits = [shape for shape in (planes, raw) if _fits(tensor, shape)]
    if len(inputs) != 1 or not fits:
        law = f"must take one input, images of shape (batch, {channels}, {height}, {width}) or {('batch', *raw)}"
        raise InputError(
            law.replace("'", ""), file=file, path=PATH, value=listed(inputs), nearest=_size(inputs, dataset)
        )
    if tensor.dtype != dataset.input_dtype or fitted is not None:
        _check_values(tensor, dataset, fitted is not None, file)
    is_same = tensor.name == "image" and fits[0] == raw and tensor.dtype == dataset.input_dtype and fitted is None
    return InputAdapter(("image",), None if is_same else tensor.name, tensor.dtype, fits[0] == planes, fitted, batch)


def _check_values(tensor: Tensor, dataset: Dataset, asked: bool, file: str) -> None:
    """Whether the recipe says how the pixels become the numbers that the file takes."""
    if tensor.dtype not in (*FLOATS, "uint8") or (tensor.dtype == "uint8" and dataset.input_dtype != "uint8"):
        law = f"must take pixels as the data are ({dataset.input_dtype}), or as float32"
        raise InputError(law, file=file, path=PATH, value=tensor.dtype)
    if tensor.dtype == "uint8" and asked:
        raise InputError(f"must be left out: {file} takes raw pixels", path="preprocess")
    if tensor.dtype in FLOATS and dataset.input_dtype == "uint8" and not asked:
        law = f"must say how pixels from 0 to 255 become what {file} takes ({tensor.dtype} numbers)"
        channels = dataset.input_shape[2]
        choice = f"[{{step: normalize, scale: 255, mean: {[0] * channels}, std: {[1] * channels}}}]"
        raise InputError(law, path="preprocess", nearest=f"{choice}, or as it was trained")


def _of_table(
    inputs: tuple[Tensor, ...],
    dataset: Dataset,
    fitted: dict[str, Any],
    asked: bool,
    batch: int | str,
    file: str,
) -> InputAdapter:
    names = {column.name: "float32" if column.kind == "number" else "string" for column in dataset.columns}
    if {tensor.name for tensor in inputs} == names.keys() and all(_fits(tensor, (1,)) for tensor in inputs):
        wrong = [tensor for tensor in inputs if tensor.dtype != names[tensor.name]]
        if wrong:
            law = f"must take column {wrong[0].name!r} as {names[wrong[0].name]}"
            raise InputError(law, file=file, path=PATH, value=wrong[0].dtype)
        if asked:
            raise InputError(f"must be left out: {file} takes the raw columns", path="preprocess")
        return InputAdapter(tuple(names), None, "", False, None, batch)
    tensor = inputs[0]
    if len(inputs) != 1 or len(tensor.shape) != 2 or tensor.dtype not in FLOATS:
        law = "must take one input, float32 features of shape (batch, features), or one (batch, 1) for each column"
        unknown = next((each.name for each in inputs if each.name not in names), None)
        raise InputError(law, file=file, path=PATH, value=listed(inputs), nearest=unknown and nearest(unknown, names))
    return _of_features(tensor, dataset, fitted if asked else None, batch, file)


def _of_features(
    tensor: Tensor, dataset: Dataset, fitted: dict[str, Any] | None, batch: int | str, file: str
) -> InputAdapter:
    texts = [column.name for column in dataset.columns if column.kind == "category"]
    if fitted is None and texts:
        law = f"must say how column {texts[0]!r}, which holds text, becomes features of {file}"
        raise InputError(law, path="preprocess", nearest="[{step: one_hot}], or as it was trained")
    columns = [column.name for column in dataset.columns]
    width = len(columns)
    if fitted is not None:
        columns = [column["name"] for column in (*fitted["numbers"], *fitted["categories"])]
        width = len(fitted["numbers"]) + sum(len(column["values"]) for column in fitted["categories"])
    if not _fits(tensor, (width,)):
        law = f"must take the {width} features that the data give ({', '.join(columns[:12])})"
        raise InputError(law, file=file, path=PATH, value=listed((tensor,)))
    return InputAdapter(tuple(columns), tensor.name, tensor.dtype, False, fitted, batch)


def _fits(tensor: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether examples of a shape can go in; a size without a number takes any."""
    own = tensor.shape[1:]
    pairs = zip(own, shape, strict=False)
    return len(own) == len(shape) and all(not isinstance(size, int) or size == wanted for size, wanted in pairs)


def _size(inputs: tuple[Tensor, ...], dataset: Dataset) -> str | None:
    """The size of images that a file takes whose channels are right."""
    shape, channels = inputs[0].shape[1:], dataset.input_shape[2]
    sides = shape[1:] if shape[:1] == (channels,) else shape[:-1]
    square = len(set(sides)) == 1 and isinstance(sides[0], int)
    return f"data.size: {sides[0]}" if len(shape) == 3 and channels in shape and square else None


def listed(tensors: tuple[Tensor, ...]) -> str:
    """Inputs or outputs with their types and shapes, for a message."""
    parts = [
        f"{tensor.name} {tensor.dtype} ({', '.join(str(size or '?') for size in tensor.shape)})" for tensor in tensors
    ]
    return ", ".join(parts[:8]) + (f" and {len(parts) - 8} more" if len(parts) > 8 else "")


def prefix(front: InputAdapter, dataset: Dataset) -> Any:
    """The front as an ONNX graph (an `onnx.ModelProto`)."""
    from tasks.kernels.onnx import preprocessing_graph

    if dataset.kind == "images":
        return preprocessing_graph.image_prefix(
            dataset.input_shape, dataset.input_dtype, front.fitted, front.dtype, front.planes, front.batch
        )
    if front.fitted is None:
        return preprocessing_graph.stack_prefix(len(front.inputs), front.dtype, front.batch)
    return preprocessing_graph.table_prefix(front.fitted, front.dtype, front.batch)


def feeds(front: InputAdapter, dataset: Dataset, split: SplitName, count: int, store: Store) -> dict[str, np.ndarray]:
    """The first examples of a split as the file itself takes them: the same as `prefix`, in numpy."""
    import numpy as np

    raw = preprocessing.product_inputs(dataset, split, store)
    raw = {name: array[:count] for name, array in raw.items()}
    if front.given is None:
        return raw
    if dataset.kind == "images":
        values = np.asarray(raw["image"])
        if front.fitted is not None:
            gain, shift = (np.asarray(front.fitted[key], np.float32) for key in ("gain", "shift"))
            values = values.astype(np.float32) * gain + shift
        values = values.transpose(0, 3, 1, 2) if front.planes else values
    elif front.fitted is None:
        values = np.concatenate([raw[name] for name in front.inputs], axis=1)
    else:
        values = preprocessing.features(store.get_frame(dataset.splits[split].inputs).head(count), front.fitted)
    return {front.given: np.ascontiguousarray(values, dtype=front.dtype)}
