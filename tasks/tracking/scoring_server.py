"""Scoring server: MLflow's own HTTP server around a registered product, in this process and on this machine only.

MLflow parses a request, runs the file and writes the answer. In between, the rows are read by the product's own rules:
MLflow's schema would refuse dates as text, and make of missing text the word `None`. A file whose runtime record names
another engine than ONNX Runtime is run in that one.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tasks.core import InputError
from tasks.core.dataset import MATRIX
from tasks.tracking.signature import matrix_columns

if TYPE_CHECKING:
    import numpy as np
    from fastapi import FastAPI

    Run = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]
    """Inputs by name → outputs by name."""

LOOPBACK = "127.0.0.1"
PATIENCE_AT_THE_END = 5
"""Seconds for which requests under way may end when the server is stopped."""


class RequestHandler(Protocol):
    """What is done before and after the product answers."""

    def read(self, data: Any) -> dict[str, np.ndarray]:
        """The product's inputs from what MLflow parsed: a frame, a dictionary, an array or a list.

        Raises:
            InputError: they are not what the product takes; the client gets the sentence with status 400.
        """
        ...

    def answer(self, data: Any, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """What is answered, from the product's outputs by name."""
        ...


class _AnyInput:
    """A model's metadata without a schema: what a request holds comes as it is."""

    def get_input_schema(self) -> None:
        return None


class _ServedModel:
    """A product as MLflow's scoring server calls it."""

    metadata = _AnyInput()

    def __init__(self, model: Path, service: RequestHandler) -> None:
        from tasks.kernels.engines.runtime_record import read_runtime

        in_mlflow = read_runtime(model).engine == "onnxruntime"
        self._run = _run_in_mlflow(model) if in_mlflow else _run_in_second_engine(model)
        self._service = service

    def predict(self, data: Any) -> dict[str, Any]:
        """The answers to a request."""
        try:
            inputs = self._service.read(data)
        except InputError as error:
            raise _wrong_rows(str(error)) from None
        return self._service.answer(data, inputs, self._run(inputs))


def _run_in_mlflow(model: Path) -> Run:
    """MLflow's own model, which runs every file in ONNX Runtime."""
    import mlflow.pyfunc
    import numpy as np
    import pandas as pd

    from tasks.kernels.onnx import description

    loaded = mlflow.pyfunc.load_model(str(model.parent))
    columns = matrix_columns(model, [tensor.name for tensor in description.interface(model)[1]])

    def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if columns:
            rows = pd.DataFrame(inputs[MATRIX], columns=columns)
            found = loaded.predict(rows)
            return {name: found[name].to_numpy().reshape(len(rows), -1) for name in found.columns}
        return {name: np.asarray(each) for name, each in loaded.predict(inputs).items()}

    return run


def _run_in_second_engine(model: Path) -> Run:
    """The engine of the file's runtime record, with any number of examples in a request."""
    from tasks.kernels.engines.product_session import open_product
    from tasks.kernels.engines.runtime_record import read_runtime

    record = read_runtime(model)
    session, turn = open_product(model, record, record.threads), threading.Lock()

    def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with turn:  # a session answers one request at a time, and the server asks from several threads
            found = session.run(None, inputs)
            return {port.name: each.copy() for port, each in zip(session.get_outputs(), found, strict=True)}

    return run


def _wrong_rows(sentence: str) -> Exception:
    """An error with status 400 that keeps its sentence: MLflow would write the whole request in front of it."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import BAD_REQUEST

    class WrongRows(MlflowException):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, sentence if name == "message" else value)

    return WrongRows(sentence, error_code=BAD_REQUEST)


def scoring_app(model: Path, service: RequestHandler) -> FastAPI:
    """MLflow's scoring server for a product: `/invocations`, `/ping`, `/health`, `/version`.

    Args:
        model: the ONNX file in the folder of a registered model (`registry.champion`).
        service: reads requests, and completes answers.
    """
    from mlflow.pyfunc import scoring_server

    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    app: FastAPI = scoring_server.init(_ServedModel(model, service))
    return app


def open_port(port: int) -> socket.socket:
    """A socket that is bound to this port of the loopback address; 0 is any free one.

    Raises:
        InputError: it is in use, or may not be used.
    """
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((LOOPBACK, port))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = error.strerror if isinstance(error, OSError) else "ports are 0 to 65535"
        law = f"must be a free port of {LOOPBACK} ({str(reason).lower()})"
        raise InputError(law, path="--port", value=port, nearest="--port 0, which is any free one") from None
    return bound


def run_scoring(app: FastAPI, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Answers requests until the process is told to stop, then raises what its signal handlers raise.

    Args:
        app: as `scoring_app` makes it.
        bound: as `open_port` makes it; is closed in the end.
        ready: called once requests are answered.
    """
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    settings = uvicorn.Config(
        app, log_level="error", access_log=False, timeout_graceful_shutdown=PATIENCE_AT_THE_END, lifespan="on"
    )
    with bound:
        Server(settings).run(sockets=[bound])
