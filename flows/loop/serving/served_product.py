"""Served product: reads requests as `predict` reads a file, and completes the answers with what `predict` prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.conversion.answer_rule import read_rule
from tasks.core import InputError
from tasks.data.product_inputs import examples_of_array
from tasks.data.table_form import examples_of_frame, names_in, table_form
from tasks.kernels.onnx import description, sessions
from tasks.kernels.statistics.class_metrics import log_softmax
from tasks.monitoring.example_columns import kind_of_examples

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

REQUEST = "the request"
"""What messages call it."""
ANSWER, PROBABILITIES = "answer", "probabilities"
"""Beside the product's outputs: the answers as `predict` prints them, and the probability of each class."""


@dataclass(frozen=True)
class ServedRows:
    """Rows that were answered."""

    inputs: Mapping[str, np.ndarray]
    """As the product takes them."""
    names: tuple[str, ...]
    """The texts of the column that names them; empty without one."""
    answers: Mapping[str, np.ndarray]
    """What was answered, by name, (count, …)."""


class ServedProduct:
    """A product whose requests come from MLflow's scoring server (`scoring_server.RequestHandler`)."""

    def __init__(self, model: Path, note: Callable[[ServedRows], None] | None = None) -> None:
        """A product.

        Args:
            model: its file.
            note: is told of the rows that are answered, before the client is; from several threads at once.
        """
        self._model, self._note = model, note
        self._inputs = tuple(tensor.name for tensor in description.interface(model)[0])
        self._form = table_form(model) if kind_of_examples(model) == "table" else None
        self._batch = description.fixed_batch(model)
        self._rule = read_rule(model)
        self._measured = sessions.measured_output(sessions.open_session(model))

    def read(self, data: Any) -> dict[str, np.ndarray]:
        """The product's inputs. Raises InputError as `product_inputs.read_examples` does."""
        if self._form is not None:
            found = examples_of_frame(as_frame(data), self._form, REQUEST).inputs
        else:
            found = examples_of_array(as_array(data, self._inputs[0]), self._model, Path(REQUEST)).inputs
        count = len(next(iter(found.values())))
        if not count:
            raise InputError(f"{REQUEST} must hold at least one example", path="INPUT")
        if self._batch not in (None, count):
            law = f"{REQUEST} must hold {self._batch} examples, the product's batch"
            raise InputError(law, path="INPUT", value=count)
        return found

    def answer(self, data: Any, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """The outputs, with ANSWER and PROBABILITIES beside them."""
        import numpy as np

        rows = self._measured.rows(outputs[self._measured.name])
        if self._rule.classes:
            shares = np.exp(log_softmax(rows))
            chosen = np.array(self._rule.classes, dtype=object)[self._rule.answers(shares)]
            told = {ANSWER: chosen, PROBABILITIES: shares, **outputs}
        else:
            told = {ANSWER: rows[:, 0], **outputs}
        if self._note is not None:
            names = names_in(as_frame(data), self._form.id_column) if self._form and self._form.id_column else ()
            self._note(ServedRows(inputs, names, told))
        return told


def as_frame(data: Any) -> pd.DataFrame:
    """The rows of a request for a table. Raises InputError where they have no names of columns."""
    import numpy as np
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        return data
    try:
        if isinstance(data, dict):
            return pd.DataFrame({name: list(np.ravel(values)) for name, values in data.items()})
        if isinstance(data, list) and all(isinstance(row, dict) for row in data):
            plain = [{name: np.asarray(value).tolist() for name, value in row.items()} for row in data]
            return pd.DataFrame(plain)
    except ValueError as error:  # columns of different lengths, or nested values of different ones
        raise InputError(f"{REQUEST} must hold rows of a table ({error})", path="INPUT") from None
    law = f"{REQUEST} must hold rows with the names of their columns"
    raise InputError(law, path="INPUT", nearest='{"dataframe_records": [{"COLUMN": VALUE}]}')


def as_array(data: Any, name: str) -> np.ndarray:
    """The examples of a request for images or other arrays. Raises InputError where there is no such array."""
    import numpy as np

    near = f'{{"inputs": {{"{name}": [EXAMPLE]}}}}'
    if isinstance(data, dict):
        if name not in data:
            law = f"{REQUEST} must hold the input {name!r}"
            raise InputError(law, path="INPUT", value=", ".join(map(str, data)), nearest=near)
        data = data[name]
    try:
        found = np.asarray(data)
    except ValueError:
        found = np.zeros(0, dtype=object)
    if found.dtype.kind not in "iuf" or found.ndim < 2:
        law = f"{REQUEST} must hold examples of numbers, all of one shape"
        raise InputError(law, path="INPUT", nearest=near)
    return found
