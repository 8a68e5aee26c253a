"""Input adapter: how the user's raw data become the inputs of an imported ONNX file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tasks.conversion import column_inputs
from tasks.conversion.column_inputs import KnownColumns
from tasks.core import Dataset, InputError, InputLayout, Prepared, SplitName, Store, nearest_choice
from tasks.data import input_layout
from tasks.data.tables.table_preprocessing import table_features
from tasks.kernels.onnx import description

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.onnx.description import Tensor

PATH = "model.file"
"""The recipe's path that names the file, for error messages."""
FLOATS = ("float16", "float32", "float64")
Axes = Literal["as they are", "NHWC", "NCHW", "NHW", "NC"]


@dataclass(frozen=True)
class InputAdapter:
    """How raw data are converted to the inputs of an ONNX file."""

    layout: InputLayout | None
    """How the product takes raw data, as the file does; None: each column under its name, behind the preprocessing."""
    inputs: tuple[str, ...]
    """Names of the product's inputs."""
    given: str | None
    """Name of the file's only input, where the recipe's preprocessing is put in front of it; None: nothing is."""
    dtype: str
    """Element type of the input `given`, for example `float32`; empty where nothing is put in front."""
    fitted: dict[str, Any]
    """The fitted preprocessing."""
    batch: int | str
    """1 for a file that takes one example at a time, otherwise `batch` (any number)."""
    unused: tuple[str, ...] = ()
    """The columns of the data that the file does not take."""

    @property
    def words(self) -> str:
        """What stands in front of the file in the product, as text."""
        unused = f", and it does not take {', '.join(self.unused[:12])}" if self.unused else ""
        return "the recipe's preprocessing" if self.given else f"nothing{unused}"


def front_of(
    inputs: tuple[Tensor, ...],
    dataset: Dataset,
    known: KnownColumns,
    fitted: dict[str, Any],
    asked: bool,
    file: str,
) -> InputAdapter:
    """The adapter with which a file takes the raw data.

    Args:
        inputs: the file's inputs.
        dataset: the user's data.
        known: `column_inputs.known_columns` of the data.
        fitted: the preprocessing, fitted on the train split; where it is `raw`, the file gets the values themselves.
        asked: whether the recipe names a preprocessing; without one, values are passed to the file unchanged.
        file: path of the ONNX file, for error messages.

    Raises:
        InputError: the file's inputs do not match the data, or need a preprocessing that the recipe does not name.
    """
    batch, changes = _batch(inputs, file), asked and not fitted.get("raw")
    if dataset.kind == "table":
        by_name = _of_columns(inputs, known, fitted, changes, batch, file)
        return by_name or _of_features(inputs, dataset, known, fitted, changes, batch, file)
    axes = _axes_of_images(inputs, dataset, file) if dataset.kind == "images" else _axes_of_array(inputs, dataset, file)
    [tensor] = inputs
    _check_values(tensor, dataset, asked, changes, file)
    layout = InputLayout(tensor.name, axes, dataset.input_dtype if changes else tensor.dtype)
    given, dtype = (tensor.name, tensor.dtype) if changes else (None, "")
    return InputAdapter(layout, (tensor.name,), given, dtype, fitted, batch)


def _batch(inputs: tuple[Tensor, ...], file: str) -> int | str:
    sizes = {tensor.shape[0] for tensor in inputs if tensor.shape}
    fixed = {size for size in sizes if isinstance(size, int)}
    if fixed - {1}:
        law = "must take one example at a time, or any number of them"
        raise InputError(law, file=file, path=PATH, value=description.listed(inputs))
    return 1 if fixed else "batch"


def _axes_of_images(inputs: tuple[Tensor, ...], dataset: Dataset, file: str) -> Axes:
    height, width, channels = dataset.input_shape
    orders: dict[Axes, tuple[int, ...]] = {"NCHW": (channels, height, width), "NHWC": (height, width, channels)}
    orders |= {"NHW": (height, width)} if channels == 1 else {}
    fits = [order for order, shape in orders.items() if _fits(inputs[0], shape)]
    if len(inputs) != 1 or not fits:
        law = f"must take one input, images of shape (batch, {channels}, {height}, {width})"
        law = f"{law} or (batch, {height}, {width}, {channels})"
        raise InputError(law, file=file, path=PATH, value=description.listed(inputs), nearest=_size(inputs, dataset))
    return fits[0]


def _axes_of_array(inputs: tuple[Tensor, ...], dataset: Dataset, file: str) -> Axes:
    if len(inputs) != 1 or not _fits(inputs[0], dataset.input_shape):
        law = f"must take one input of shape (batch, {', '.join(map(str, dataset.input_shape))}), as the data are"
        fitting = [tensor.name for tensor in inputs if _fits(tensor, dataset.input_shape)]
        choice = f"a file whose only input is {fitting[0]}" if fitting else None
        raise InputError(law, file=file, path=PATH, value=description.listed(inputs), nearest=choice)
    return "as they are"


def _check_values(tensor: Tensor, dataset: Dataset, asked: bool, changes: bool, file: str) -> None:
    """Checks that the recipe says how raw numbers become the file's input type. Raises InputError if not."""
    raw, own = dataset.input_dtype, tensor.dtype
    whole = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
    if own not in (*FLOATS, *(whole if raw == "int64" else ("uint8",) if raw == "uint8" else ())):
        what = "pixels" if dataset.kind == "images" else "numbers"
        law = f"must take {what} as the data are ({raw}), or as float32"
        raise InputError(law, file=file, path=PATH, value=own)
    if changes and own not in FLOATS:
        raise InputError(f"must be left out: {file} takes raw {'pixels' if own == 'uint8' else own}", path="preprocess")
    if dataset.kind == "images" and own in FLOATS and raw == "uint8" and not asked:
        law = f"must say how pixels from 0 to 255 become what {file} takes ({own} numbers)"
        channels = dataset.input_shape[2]
        choice = f"[{{step: normalize, scale: 255, mean: {[0] * channels}, std: {[1] * channels}}}]"
        raise InputError(law, path="preprocess", nearest=f"{choice}, or as it was trained")


def _of_columns(
    inputs: tuple[Tensor, ...],
    known: KnownColumns,
    fitted: dict[str, Any],
    changes: bool,
    batch: int | str,
    file: str,
) -> InputAdapter | None:
    """The adapter of a file that takes columns by name; None for one that does not."""
    try:
        layout = column_inputs.match_columns(inputs, known)
    except InputError as error:
        raise error.at(file=file, path=PATH) from error
    if layout is None:
        return None
    if changes:
        raise InputError(f"must be left out: {file} takes the raw columns", path="preprocess")
    names = tuple(name for name, _ in layout.columns)
    unused = tuple(name for name in known.inputs if name not in names)
    return InputAdapter(layout, names, None, "", fitted, batch, unused)


def _of_features(
    inputs: tuple[Tensor, ...],
    dataset: Dataset,
    known: KnownColumns,
    fitted: dict[str, Any],
    changes: bool,
    batch: int | str,
    file: str,
) -> InputAdapter:
    tensor = inputs[0]
    if len(inputs) != 1 or len(tensor.shape) != 2 or tensor.dtype not in FLOATS:
        law = "must take one input, float32 features of shape (batch, features), or one (batch, 1) for each column"
        near = nearest_choice(tensor.name, known.inputs)
        raise InputError(law, file=file, path=PATH, value=description.listed(inputs), nearest=near)
    texts = [column.name for column in dataset.columns if column.kind == "category"]
    if not changes and texts:
        law = f"must say how column {texts[0]!r}, which holds text, becomes features of {file}"
        raise InputError(law, path="preprocess", nearest="[{step: one_hot}], or as it was trained")
    dates = [column.name for column in dataset.columns if column.kind == "date"]
    if not changes and dates:
        law = f"must say how column {dates[0]!r}, which holds dates, becomes features of {file}"
        raise InputError(law, path="preprocess", nearest="[{step: date_parts}], or as it was trained")
    columns = [column.name for column in dataset.columns]
    width = len(columns)
    if changes:
        width = len(fitted["features"])
    if not _fits(tensor, (width,)):
        law = f"must take the {width} features that the data give ({', '.join(columns[:12])})"
        away = next((each.keeps for each in known.left_out.values()), None)
        raise InputError(law, file=file, path=PATH, value=description.listed((tensor,)), nearest=away)
    if changes and dataset.is_matrix:
        matrix = input_layout.layout_of_table(dataset)
        return InputAdapter(matrix, (dataset.input_name,), tensor.name, tensor.dtype, fitted, batch)
    if changes:
        return InputAdapter(None, tuple(columns), tensor.name, tensor.dtype, fitted, batch)
    return InputAdapter(InputLayout(tensor.name, "NC", tensor.dtype), (tensor.name,), None, "", fitted, batch)


def _fits(tensor: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether the tensor takes examples of this shape (without the batch); a free dimension takes any size."""
    own = tensor.shape[1:]
    pairs = zip(own, shape, strict=False)
    return len(own) == len(shape) and all(not isinstance(size, int) or size == wanted for size, wanted in pairs)


def _size(inputs: tuple[Tensor, ...], dataset: Dataset) -> str | None:
    """The recipe setting with which the data fit the file, where one does; else None."""
    shape, channels = inputs[0].shape[1:], dataset.input_shape[2]
    if len(inputs) == 1 and _fits(inputs[0], dataset.input_shape[: 2 if channels == 1 else 3]):
        return "data.kind: array"
    sides = shape[1:] if shape[:1] == (channels,) else shape[:-1]
    square = len(set(sides)) == 1 and isinstance(sides[0], int)
    return f"data.size: {sides[0]}" if len(shape) == 3 and channels in shape and square else None


def prefix(front: InputAdapter, dataset: Dataset) -> Any:
    """The recipe's preprocessing as an ONNX graph (`onnx.ModelProto`) from the product's inputs to the file's."""
    from tasks.kernels.onnx import preprocessing_graph

    raw, wanted, fitted, batch = dataset.input_dtype, front.dtype, front.fitted, front.batch
    if dataset.kind == "table":
        return preprocessing_graph.table_prefix(fitted, wanted, batch)
    if dataset.kind == "array":
        return preprocessing_graph.array_prefix(dataset.input_shape, raw, fitted, wanted, batch)
    assert front.layout is not None  # that of images
    axes = (front.layout.axes, front.layout.axes)
    return preprocessing_graph.image_prefix(dataset.input_shape, raw, fitted, wanted, axes, batch)


def feeds(front: InputAdapter, prepared: Prepared, split: SplitName, count: int, store: Store) -> dict[str, np.ndarray]:
    """The first `count` examples of a split as inputs of the file itself: `prefix`, computed in NumPy.

    Args:
        prepared: the data; its layout is the adapter's.

    Returns:
        Input name → array.
    """
    import numpy as np

    raw = {name: array[:count] for name, array in input_layout.product_inputs(prepared, split, store).items()}
    if front.given is None:
        return raw
    dataset, fitted = prepared.dataset, front.fitted
    if dataset.kind == "table":
        frame = store.get_frame(dataset.splits[split].inputs).head(count)
        values = table_features(frame, fitted)
    else:
        gain, shift = (np.asarray(fitted[key], np.float32) for key in ("gain", "shift"))
        ones = (-1, 1, 1) if front.layout is not None and front.layout.axes == "NCHW" else (-1,)
        values = np.asarray(raw[front.given]).astype(np.float32) * gain.reshape(ones) + shift.reshape(ones)
    return {front.given: np.ascontiguousarray(values, dtype=front.dtype)}
