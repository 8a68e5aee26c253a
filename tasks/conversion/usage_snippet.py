"""Usage snippet: a few lines of Python that run a product with its engine and NumPy, and pandas for tables."""

from __future__ import annotations

from pathlib import Path

from tasks.conversion.answer_rule import AnswerRule, read_rule
from tasks.conversion.engine_snippet import EngineLines, engine_lines
from tasks.core import Column
from tasks.data.input_layout import COLUMNS, RAW_PIXELS, layout_of
from tasks.data.table_form import TableForm, table_form
from tasks.data.tables.date_forms import ISO, UNITS
from tasks.kernels.onnx import description, sessions

_TO_SHARES = {
    "rows": ("found = np.exp(found - found.max(1, keepdims=True))", "shares = found / found.sum(1, keepdims=True)"),
    "probabilities": ("shares = found",),
    "logit": ("p = 1 / (1 + np.exp(-found.ravel()))", "shares = np.stack([1 - p, p], 1)"),
    "probability": ("shares = np.stack([1 - found.ravel(), found.ravel()], 1)",),
}
"""Form of the measured output → the lines that make probabilities (count, classes) of it."""


def usage_snippet(model: Path) -> str:
    """Python that reads examples from a file, runs the product and prints its answers, as `paredown predict` does.

    It runs as it is in a folder with the product as `model.onnx`, and `rows.csv`, a table with the columns of training,
    or `examples.npy`, the pixels or arrays as training had them.
    """
    tensors, said = description.interface(model)[0], description.metadata(model)
    is_table = said.get("kind", "images" if len(tensors) == 1 else "table") == "table"
    measured, rule = sessions.measured_output(sessions.open_session(model)), read_rule(model)
    engine, reads_metadata = engine_lines(model), bool(rule.classes) or COLUMNS in said
    needed = {"json": reads_metadata, "numpy as np": True, "pandas as pd": is_table}
    lines = [f"import {each}" for each, is_used in needed.items() if is_used]
    lines += [*engine.imports, "", *engine.opening]
    if reads_metadata:
        lines.append(f"said = {engine.metadata}")
    lines += _table_lines(table_form(model), engine) if is_table else _array_lines(model)
    lines.append(engine.run)
    if not rule.classes:
        return "\n".join([*lines, "print(*found.ravel(), sep='\\n')"])
    lines += [*_TO_SHARES[measured.form], f"chosen = {_choice(rule)}"]
    return "\n".join([*lines, "print(*np.array(json.loads(said['classes']))[chosen], sep='\\n')"])


def _choice(rule: AnswerRule) -> str:
    """The expression that chooses each row's answer from `shares`."""
    if rule.threshold is not None:
        place = rule.classes.index(rule.positive)
        others = f"np.where(np.arange({len(rule.classes)}) == {place}, -1, shares).argmax(1)"
        return f"np.where(shares[:, {place}] >= {rule.threshold!r}, {place}, {others})"
    return f"(shares @ np.array({[list(row) for row in rule.costs]})).argmin(1)" if rule.costs else "shares.argmax(1)"


def _array_lines(model: Path) -> list[str]:
    """Reads pixels or arrays."""
    [tensor, *_], said = description.interface(model)[0], description.metadata(model)
    layout = layout_of(said)
    turns = {"NCHW": ".transpose(0, 3, 1, 2)", "NHW": "[..., 0]"}
    turn = turns.get(layout.axes, "") if layout is not None else ""
    return [
        f'raw = np.load("examples.npy")  # {said.get(RAW_PIXELS, tensor.dtype)} (count, ...), as in training',
        f'inputs = {{"{tensor.name}": np.ascontiguousarray(raw{turn}, np.{tensor.dtype})}}',
    ]


def _table_lines(form: TableForm, engine: EngineLines) -> list[str]:
    """Reads a table: text stays text, empty where missing; what is no number is missing."""
    text = form.text
    options = f", sep={text.separator!r}" if text and text.separator else ""
    options += f", encoding={text.encoding!r}" if text and text.encoding else ""
    lines = [f'rows = pd.read_csv("rows.csv", dtype=str{options}).fillna("").apply(lambda column: column.str.strip())']
    lines += [line for column in form.columns for line in _column_lines(column)]
    numbers = [column.name for column in form.columns if column.kind != "category"]
    if form.layout is not None:
        lines.append(f'values = rows[json.loads(said["{COLUMNS}"])].apply(pd.to_numeric, errors="coerce")')
        return [*lines, f'inputs = {{"{form.layout.name}": values.to_numpy(np.{form.layout.dtype})}}']
    if numbers:
        lines.append(
            f'rows = rows.assign(**{{name: pd.to_numeric(rows[name], errors="coerce") for name in {numbers!r}}})'
        )
    return [*lines, *engine.columns]


def _column_lines(column: Column) -> list[str]:
    """What a column needs besides: of truth, of dates, and of numbers in a form of their own."""
    cells = f"rows[{column.name!r}]"
    if column.truth:
        return [f"{cells} = {cells}.str.capitalize()"]
    if column.kind == "date" and column.form in UNITS:
        return [f'{cells} = pd.to_numeric({cells}, errors="coerce") / {UNITS[column.form]:g}']
    if column.kind == "date":
        date = f'pd.to_datetime({cells}, format="{column.form or ISO}", errors="coerce")'
        return [f'{cells} = ({date} - pd.Timestamp(0)) / pd.Timedelta("1s")']
    if column.kind == "category" or not (column.thousands or column.unit or column.decimal != "."):
        return []
    plain = f'.str.strip("{column.unit} ")' if column.unit else ""
    plain += f'.str.replace("{column.thousands}", "")' if column.thousands else ""
    plain += '.str.replace(",", ".")' if column.decimal == "," else ""
    return [f"{cells} = {cells}{plain}"]
