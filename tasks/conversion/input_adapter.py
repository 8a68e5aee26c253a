"""Input adapter: the preprocessing between the user's raw data and the inputs of an imported ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.core import Dataset, InputError, SplitName, Store, nearest_choice
from tasks.data import preprocessing

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.onnx.description import Tensor

PATH = "model.file"
"""The recipe's path that names the file, for error messages."""
FLOATS = ("float16", "float32", "float64")


@dataclass(frozen=True)
class InputAdapter:
    """How raw data are converted to the inputs of an ONNX file."""

    inputs: tuple[str, ...]
    """Names of the product's inputs: `image`, or the columns in the order in which they are concatenated."""
    given: str | None
    """Name of the file's only input; None when the file takes the raw data unchanged, by the same names."""
    dtype: str
    """Element type of the input `given`, for example `float32`; empty when a table needs no adapter."""
    planes: bool
    """Whether the file takes images as (batch, channels, height, width) instead of (batch, height, width, channels)."""
    fitted: dict[str, Any] | None
    """The fitted preprocessing that is applied; None: the values are not changed."""
    batch: int | str
    """1 for a file that takes one example at a time, otherwise `batch` (any number)."""

    @property
    def words(self) -> str:
        """What the adapter does, as text."""
        parts = [*(["the recipe's preprocessing"] if self.fitted else []), *(["channels first"] if self.planes else [])]
        return " and ".join(parts) or "nothing"


def front_of(
    inputs: tuple[Tensor, ...], dataset: Dataset, fitted: dict[str, Any], asked: bool, file: str
) -> InputAdapter:
    """The adapter with which a file takes the raw data.

    Args:
        inputs: the file's inputs.
        dataset: the user's data.
        fitted: the preprocessing, fitted on the train split.
        asked: whether the recipe names a preprocessing; without one, values are passed to the file unchanged.
        file: path of the ONNX file, for error messages.

    Raises:
        InputError: the file's inputs do not match the data, or need a preprocessing that the recipe does not name.
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
    """Checks that the recipe says how pixels are converted to the file's input type. Raises InputError if not."""
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
        raise InputError(
            law, file=file, path=PATH, value=listed(inputs), nearest=unknown and nearest_choice(unknown, names)
        )
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
    """Whether the tensor takes examples of this shape (without the batch); a free dimension takes any size."""
    own = tensor.shape[1:]
    pairs = zip(own, shape, strict=False)
    return len(own) == len(shape) and all(not isinstance(size, int) or size == wanted for size, wanted in pairs)


def _size(inputs: tuple[Tensor, ...], dataset: Dataset) -> str | None:
    """The recipe setting for the file's image size, if it is square and the channels match the data; else None."""
    shape, channels = inputs[0].shape[1:], dataset.input_shape[2]
    sides = shape[1:] if shape[:1] == (channels,) else shape[:-1]
    square = len(set(sides)) == 1 and isinstance(sides[0], int)
    return f"data.size: {sides[0]}" if len(shape) == 3 and channels in shape and square else None


def listed(tensors: tuple[Tensor, ...]) -> str:
    """Inputs or outputs with their types and shapes as text, for error messages."""
    parts = [
        f"{tensor.name} {tensor.dtype} ({', '.join(str(size or '?') for size in tensor.shape)})" for tensor in tensors
    ]
    return ", ".join(parts[:8]) + (f" and {len(parts) - 8} more" if len(parts) > 8 else "")


def prefix(front: InputAdapter, dataset: Dataset) -> Any:
    """The adapter as an ONNX graph (`onnx.ModelProto`) from the raw data to the file's input."""
    from tasks.kernels.onnx import preprocessing_graph

    if dataset.kind == "images":
        return preprocessing_graph.image_prefix(
            dataset.input_shape, dataset.input_dtype, front.fitted, front.dtype, front.planes, front.batch
        )
    if front.fitted is None:
        return preprocessing_graph.stack_prefix(len(front.inputs), front.dtype, front.batch)
    return preprocessing_graph.table_prefix(front.fitted, front.dtype, front.batch)


def feeds(front: InputAdapter, dataset: Dataset, split: SplitName, count: int, store: Store) -> dict[str, np.ndarray]:
    """The first `count` examples of a split as inputs of the file itself: `prefix`, computed in NumPy.

    Returns:
        Input name → array; images (count, channels, height, width) or (count, height, width, channels), features of a
        table (count, features), or the raw columns (count, 1) each.
    """
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
