"""Batch labels: the true answers of a batch's rows, from the batch itself or from a file that names its rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flows.recipe.schema import Recipe
from tasks.core import InputError, TextFormat
from tasks.data.images.image_files import is_image, scan_files
from tasks.data.input_layout import read_rules
from tasks.data.product_inputs import ARRAYS, read_array, read_table
from tasks.monitoring.monitor_state import join_labels

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EXAMPLE, TARGET = "example", "target"
"""Columns of a file of labels where the recipe names none: the example as `predict` names it, and its true answer."""
TARGETS = ("targets", "y", "labels")
"""Usual names of the array of targets in an .npz file, by preference."""
BATCH, LABELS = "--data", "--labels"
"""What messages name: the batch, and the file of labels."""

Labels = tuple["np.ndarray", "np.ndarray"]
"""(rows, targets): places in the batch, and class indices or numbers, both (count,)."""


def check_given(source: Path | None, labels: Path | None) -> Path:
    """The batch. Raises InputError where there is none, or a file does not exist."""
    if source is None:
        law = "is needed: labels are of a batch's rows, and a batch that is given again counts once"
        raise InputError(law if labels else "is needed", path=BATCH, nearest="--data BATCH")
    for field, path in ((BATCH, source), (LABELS, labels)):
        if path is not None and not path.exists():
            raise InputError("does not exist", path=field, value=str(path))
    return source


def own_labels(recipe: Recipe, source: Path, said: Mapping[str, str], classes: tuple[str, ...]) -> Labels:
    """The labels that a batch brings along: of a table its target's column, of an archive its array of targets, of a
    folder of images the names of their folders where all are classes. Rows without one are left out.

    Args:
        recipe: says how the target is called and written.
        source: the batch.
        said: metadata of the product.
        classes: of the product; empty for a regression.

    Raises:
        InputError: a label is no class, or no number.
    """
    import pandas as pd

    if source.is_dir() or is_image(source):
        folders = [file.parent.name for file in scan_files(source).images] if source.is_dir() else []
        known = bool(folders) and set(folders) <= set(classes)
        return _encoded(pd.Series(folders if known else [], dtype=object), recipe, classes, BATCH, is_text=True)
    if source.suffix in ARRAYS:
        return _encoded(_array_of_targets(recipe, source), recipe, classes, BATCH, is_text=False)
    rules = read_rules(said)
    frame = _plainly_named(read_table(source, recipe.data.inputs, rules[1] if rules else None))
    column = frame[recipe.data.target] if recipe.data.target in frame else pd.Series(dtype=object)
    return _encoded(column, recipe, classes, BATCH, is_text=source.suffix != ".parquet")


def labels_in(
    recipe: Recipe, file: Path, names: tuple[str, ...], classes: tuple[str, ...], may_name_none: bool = False
) -> Labels:
    """The labels in a .csv or .parquet table, whose column `data.id`, or else EXAMPLE, names the batch's rows.

    Labels of other rows are left out: they may belong to another batch.

    Args:
        recipe: names the columns.
        file: the table.
        names: of the batch's rows.
        classes: of the product; empty for a regression.
        may_name_none: whether a file that names no row of the batch is no mistake.

    Raises:
        InputError: the file has not these columns, names no row of the batch or one twice, or a label is no class or no
            number.
    """
    from tasks.data.readers import cells, data_frames
    from tasks.data.readers.examples import Request

    frame = _plainly_named(read_table(file, None, TextFormat(recipe.data.separator or "", recipe.data.encoding or "")))
    request = Request(str(file), LABELS)
    ids = data_frames.check_column(recipe.data.id or EXAMPLE, LABELS, frame, request)
    target = data_frames.check_column(recipe.data.target or TARGET, LABELS, frame, request)
    places, given = join_labels(names, cells.text_of(frame[ids]).tolist())
    if not len(places) and not may_name_none:
        law = f"must name rows of the batch in the column {ids!r}, and names none"
        raise InputError(law, path=LABELS, file=str(file), nearest=", ".join(names[:3]))
    kept, targets = _encoded(frame[target].iloc[given], recipe, classes, LABELS, is_text=file.suffix != ".parquet")
    return places[kept], targets


def joined(own: Labels, later: Labels) -> Labels:
    """Both; of a row that both have, the later one."""
    import numpy as np

    kept = ~np.isin(own[0], later[0])
    return np.concatenate([own[0][kept], later[0]]), np.concatenate([own[1][kept], later[1]])


def _array_of_targets(recipe: Recipe, source: Path) -> pd.Series:
    import numpy as np
    import pandas as pd

    held: list[str] = []
    if source.suffix == ".npz":
        with np.load(source, allow_pickle=False) as archive:
            held = archive.files
    wanted = [recipe.data.target] if recipe.data.target else TARGETS
    name = next((each for each in wanted if each in held), None)
    return pd.Series(dtype=object) if name is None else pd.Series(np.ravel(read_array(source, name)), name=name)


def _encoded(column: pd.Series, recipe: Recipe, classes: tuple[str, ...], field: str, is_text: bool) -> Labels:
    """The labels of the rows of a column that have one."""
    import numpy as np

    from tasks.data import targets
    from tasks.data.readers import cells, column_types
    from tasks.data.readers.examples import Examples, Request

    texts = cells.text_of(column).to_numpy(dtype=object)
    is_word = np.isin(texts, list(column_types.NO_VALUE)) & ~np.isin(texts, list(classes))
    rows = np.flatnonzero((texts != "") & ~is_word)
    if not len(rows):
        return rows, np.zeros(0, np.int64 if classes else np.float32)
    data = recipe.data
    request = Request(field, field, types=data.types, decimal=data.decimal, task=None if classes else "regression")
    _, values = column_types.read_target(column.iloc[rows], request, is_text)
    examples = Examples(np.zeros((len(rows), 0)), values)
    return rows, targets.encode_targets(examples, classes, "batch", field).targets


def _plainly_named(frame: pd.DataFrame) -> pd.DataFrame:
    from tasks.data.readers import data_frames

    return frame.set_axis([data_frames.plain_name(name) for name in frame.columns], axis=1)
