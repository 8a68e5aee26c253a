"""Real servers on free ports, which a test starts, kills and starts again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from flows.services import processes

ROOT = Path(__file__).resolve().parents[2]
TINY = """
name: tiny
data: {source: "sklearn:iris"}
train: {epochs: 20}
compress: {branches: [{name: int8, steps: [{step: int8}]}]}
goal: {max_drop: 1.0, minimize: bytes}
runtime: {processes: 3, engine: onnxruntime}
"""
"""A recipe of a few seconds."""


@dataclass
class Server:
    """A server that keeps its port and its data when it is killed and started again."""

    command: list[str]
    """The arguments after `python -m`."""
    health: str
    """The address that it answers when it is up."""
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                env={**os.environ, **self.environment},
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        end = time.monotonic() + 240
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, f"{self.health} does not answer"
            time.sleep(0.3)

    def kill(self) -> None:
        """Ends it and all its processes at once, as a power cut does."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        try:
            urlopen(self.health, timeout=5).close()
        except HTTPError:
            return True  # it asks for a password
        except OSError:
            return False
        return True


def mlflow_server(folder: Path) -> Server:
    """MLflow's server with an SQLite database in the folder."""
    port = processes.free_port(taken=set())
    command = ["mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/files"]
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Server(command, f"http://127.0.0.1:{port}/health", folder / "mlflow.log", settings)


def prefect_server(folder: Path) -> Server:
    """Prefect's server with an SQLite database in the folder."""
    port = processes.free_port(taken=set())
    api = f"http://127.0.0.1:{port}/api"
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    settings = {"PREFECT_HOME": str(folder / "prefect-server"), "PREFECT_API_URL": api}
    return Server(command, f"{api}/health", folder / "prefect.log", settings)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Context in which the server runs, unless the test kills it."""
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass
class Command:
    """A `paredown` command in a process group of its own, with its output in a file."""

    process: subprocess.Popen[bytes]
    output: Path

    def text(self) -> str:
        """What it has printed so far."""
        return self.output.read_text(errors="replace")

    def until(self, words: str, seconds: float = 600) -> None:
        """Waits until it has printed the words; where it does not, it is ended."""
        end = time.monotonic() + seconds
        while words not in self.text():
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise AssertionError(self.text())
            time.sleep(0.1)

    def ends(self, seconds: float = 600) -> int:
        """Waits for its end; returns its exit code. Where it does not end, it is ended."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(self.text()) from None

    def kill(self) -> None:
        """Ends all its processes at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def paredown(folder: Path, *words: str, log: str = "output", **variables: str) -> Command:
    """Starts `paredown` in the folder, with its home there, and with these variables."""
    environment = {**os.environ, "PAREDOWN_HOME": str(folder / "home"), "COLUMNS": "200"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment.pop("PREFECT_HOME", None)
    output = folder / f"{log}.txt"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *words],
            cwd=folder,
            env=environment | variables,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    return Command(process, output)
