"""Champion server: the registered champion of a recipe over HTTP, on this machine only."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.loop.serving.request_log import RequestLog
from flows.loop.serving.served_product import ServedProduct
from tasks.core import InputError, Refusal, Workspace, write_atomically
from tasks.data.input_layout import disarranged, layout_of
from tasks.data.table_form import TableForm, table_form
from tasks.evaluation import engines
from tasks.kernels.onnx import description
from tasks.monitoring.example_columns import kind_of_examples
from tasks.tracking import registry
from tasks.tracking.scoring_server import LOOPBACK, open_port, run_scoring, scoring_app

LONGEST = 2_000
"""Characters of an example that is shown in the command itself; a longer one is a file beside the product."""


@dataclass(frozen=True)
class Serving:
    """What is served, and where."""

    version: registry.Version
    address: str
    example: str
    """A command that asks it."""


@dataclass(frozen=True)
class LogSettings:
    """Where requests are logged."""

    folder: Path
    days: int
    """After which a batch is deleted."""


def serve_champion(
    name: str,
    workspace: Workspace,
    port: int,
    log: LogSettings | None,
    ready: Callable[[Serving], None],
    tell: Callable[[str], None],
) -> None:
    """Answers requests until the process is told to stop.

    It stays the version that is champion now: another promotion counts when the server is started again.

    Args:
        name: of the registered model.
        workspace: knows the registry.
        port: of the loopback address; 0 is any free one.
        log: where requests are logged; None: nowhere.
        ready: called once requests are answered.
        tell: is told, in a sentence, when requests cannot be logged.

    Raises:
        InputError: there is no champion, its file is not the one that was registered, its engine cannot run here, the
            port is in use, or the log is no folder.
    """
    try:
        version, model = registry.champion(workspace.tracking_uri, name)
    except Refusal as refusal:
        law = f"must be a product whose champion is as it was registered, but {refusal}"
        raise InputError(law, path="name", value=name) from None
    engines.check_engine(model)
    bound = open_port(port)
    address = f"http://{LOOPBACK}:{bound.getsockname()[1]}"
    place = workspace.home / "products" / name / "request.json"
    serving = Serving(version, address, example_command(address, example_request(model), place))
    if log is None:
        run_scoring(scoring_app(model, ServedProduct(model)), bound, lambda: ready(serving))
        return
    with closing(RequestLog(log.folder, model, version.version, log.days, tell)) as requests:
        run_scoring(scoring_app(model, ServedProduct(model, requests.note)), bound, lambda: ready(serving))


def example_request(model: Path) -> dict[str, Any]:
    """A request that the product answers: a row of a table with values from the middle of training, or a grey image."""
    import numpy as np

    [tensor, *_], said = description.interface(model)[0], description.metadata(model)
    count = description.fixed_batch(model) or 1
    if kind_of_examples(model) == "table":
        return {"dataframe_records": [example_row(table_form(model))] * count}
    shape = [int(size) if isinstance(size, int) else 1 for size in tensor.shape[1:]]
    values = np.full((count, *shape), 127 if tensor.dtype == "uint8" else 0, dtype=np.dtype(tensor.dtype))
    return {"inputs": {tensor.name: disarranged(values, layout_of(said)).tolist()}}


def example_row(form: TableForm) -> dict[str, float | str | None]:
    """A row of a table: of numbers and dates the middle of their range in training, of texts the first one."""
    known = {each.name: each for each in form.ranges}
    row: dict[str, float | str | None] = {}
    for column in form.columns:
        if column.kind == "category":
            row[column.name] = next(iter(column.texts), "")
        elif column.name not in known:
            row[column.name] = None
        else:
            middle = (known[column.name].low + known[column.name].high) / 2
            number = round(middle) if known[column.name].whole else float(f"{middle:.4g}")
            row[column.name] = _date_in(middle, column.form) if column.kind == "date" else number
    return row


def _date_in(seconds: float, form: str) -> float | str:
    """A day as a column of dates writes it."""
    from tasks.data.tables.date_forms import ISO, UNITS

    if form in UNITS:
        return round(seconds) * UNITS[form]
    return datetime.fromtimestamp(seconds, UTC).strftime(form or ISO)


def example_command(address: str, request: Mapping[str, Any], place: Path) -> str:
    """A `curl` command with this request; a long one is written to a file that the command names."""
    text = json.dumps(request, ensure_ascii=False)
    if len(text) > LONGEST:
        write_atomically(place, text.encode())
        text = f"@{place}"
    return f"curl -s {address}/invocations -H 'Content-Type: application/json' -d {shlex.quote(text)}"
