"""Processes: background programs that outlive the command that starts them; start, find and stop them."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tasks.core import write_atomically

MARK = "PAREDOWN_SERVICE"
"""Environment variable that marks a background process and all that it starts; its value is `<folder>/<name>`. Unlike
a process id it is not reused by other programs, and unlike a start time it does not depend on the clock."""
LOCALHOST = "127.0.0.1"


@dataclass(frozen=True)
class Record:
    """The record of a process that was started; kept in `<folder>/<name>.json`, beside its log."""

    name: str
    pid: int
    port: int | None
    addresses: dict[str, str]
    """Environment variable → address of the servers that it was given."""
    host: str = LOCALHOST
    """The address of this machine at which it listens, if it has a port."""


def start_process(
    folder: Path,
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    port: int | None,
    addresses: Mapping[str, str],
    host: str = LOCALHOST,
) -> Record:
    """Starts a program in a session of its own, and writes its record.

    Args:
        folder: where the record and the log `<name>.log` with its output are kept.
        name: what the program is found by.
        command: program and arguments.
        environment: its whole environment.
        port: the port that it will listen at; None for none.
        addresses: the servers that it is given, for the record.
        host: the address of this machine at which it will listen.
    """
    with log(folder, name).open("wb") as stream:
        process = subprocess.Popen(
            command,
            env={**environment, MARK: str(folder / name)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    record = Record(name, process.pid, port, dict(addresses), host)
    write_atomically(folder / f"{name}.json", json.dumps(asdict(record), indent=1).encode())
    return record


def find(folder: Path, name: str) -> Record | None:
    """The record of the process started last under this name, whether or not it still runs; None without one."""
    file = folder / f"{name}.json"
    return Record(**json.loads(file.read_text())) if file.exists() else None


def alive(folder: Path, record: Record) -> bool:
    """Whether the process of the record still runs; another program with its process id does not count."""
    try:
        return _is_marked(psutil.Process(record.pid), folder, record.name)
    except psutil.NoSuchProcess:
        return False


def members(folder: Path, name: str) -> set[psutil.Process]:
    """All processes that belong to a service, also when the process that started them is gone."""
    marked = {process for process in psutil.process_iter() if _is_marked(process, folder, name)}
    # Children are added because a program that sets its title may overwrite its environment, and with it the mark.
    return marked.union(*(_children(process) for process in marked))


def listens(folder: Path, name: str, port: int) -> bool:
    """Whether a service itself listens at the port: what answers there may be another home's."""
    for process in members(folder, name):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            held = process.net_connections("tcp")
            if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in held):
                return True
    return False


def _is_marked(process: psutil.Process, folder: Path, name: str) -> bool:
    try:
        return process.environ().get(MARK) == str(folder / name)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def stop(folder: Path, name: str, patience: float = 20.0) -> int:
    """Ends a service with all processes that it started; returns how many there were.

    The topmost processes get SIGTERM and may end their children; what still runs after `patience` seconds is killed.

    Raises:
        TimeoutError: a process still runs `patience` seconds (at least 5) after SIGKILL. The record is then kept.
    """
    found = members(folder, name)
    pids = {process.pid for process in found}
    for process in found:
        with _gone_is_fine():
            if process.ppid() not in pids:
                process.terminate()
    _wait(found, patience)
    left = members(folder, name) | {process for process in found if runs(process)}
    for process in left:
        with _gone_is_fine():
            process.kill()
    if stuck := _wait(left, max(patience, 5.0)):
        raise TimeoutError(f"{name} could not be stopped: process {', '.join(str(each.pid) for each in stuck)}")
    (folder / f"{name}.json").unlink(missing_ok=True)
    return len(found | left)


def _wait(wanted: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Waits until all processes have ended, at most `seconds`; returns those that still run."""
    end = time.monotonic() + seconds
    while (left := [process for process in wanted if runs(process)]) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def runs(process: psutil.Process) -> bool:
    """Whether the process runs. A zombie does not: it has ended, and in a container without init it stays forever."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        return


def log(folder: Path, name: str) -> Path:
    """The file with a service's output."""
    return folder / f"{name}.log"


def tail(folder: Path, name: str, lines: int = 12) -> str:
    """The last lines of a service's log."""
    text = log(folder, name).read_text(errors="replace")
    return "\n".join(text.rstrip().splitlines()[-lines:])


def free_port(*wanted: int | None, taken: set[int], host: str = LOCALHOST) -> int:
    """The first of the wanted ports that is free at `host` and not in `taken`; if none is, any other such port."""
    for port in wanted:
        if port and port not in taken and is_free(port, host):
            return port
    while True:
        with socket.socket() as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def is_free(port: int, host: str = LOCALHOST) -> bool:
    """Whether nothing listens at this port of an address of this machine."""
    with socket.socket() as probe:
        # Servers set it too: a port that was closed a moment ago counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
