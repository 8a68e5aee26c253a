"""Health checks: whether the servers that the environment names answer, tested before anything is computed."""

from __future__ import annotations

import re
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from tasks.core import InputError
from tasks.tracking import SQLITE, database_file

PATIENCE = 3.0
"""Seconds within which all servers together must answer."""
DATABASES = ("postgresql", "mysql", "mssql")
"""Databases that MLflow can use without an MLflow server; their addresses are not checked."""

Check = Callable[[str], str | None]
"""Address → what is wrong with it as text, None when nothing is."""


def check_servers(environment: Mapping[str, str], nearest: str | None = None) -> None:
    """Checks all servers that the environment names, at the same time; absent or empty variables pass.

    - `PREFECT_API_URL`: GET `<url>/health` must answer as Prefect 3 does.
    - `MLFLOW_TRACKING_URI`: with http(s), GET `<url>/health` must answer as MLflow does. An SQLite file must be a
      writable database; where there is none yet, the nearest existing folder above it must be writable.
    - `RAY_ADDRESS`: must accept a TCP connection; `auto` and `local` pass.

    Args:
        environment: variable name → value, as `os.environ`.
        nearest: what to do about it; None: use the embedded one.

    Raises:
        InputError: a server gives a wrong answer, or none within 3 seconds; for the first of them. The message does
            not repeat a password.
    """
    answers = {name: _begin(check, environment[name]) for name, check in CHECKS.items() if environment.get(name)}
    end = time.monotonic() + PATIENCE
    for name, answer in answers.items():
        try:
            problem = answer.result(max(0.0, end - time.monotonic()))
        except TimeoutError:
            problem = f"must answer within {PATIENCE:g} seconds"
        if problem:
            hint = nearest or f"unset {name} for the embedded one"
            raise InputError(problem, path=name, value=without_password(environment[name]), nearest=hint)


def without_password(address: str) -> str:
    """The address without user, password and query, also when they are malformed. SQLite addresses stay unchanged."""
    return address if address.startswith(SQLITE) else re.sub(r"^([^/]*//)?.*@", r"\1", address).partition("?")[0]


def _begin(check: Check, address: str) -> Future[str | None]:
    """Starts a check in a daemon thread, because the lookup of a host name has no time limit of its own."""
    answer: Future[str | None] = Future()

    def run() -> None:
        try:
            answer.set_result(check(address))
        except Exception as error:  # it is raised again where the answer is read
            answer.set_exception(error)

    Thread(target=run, daemon=True).start()
    return answer


def _check_prefect(address: str) -> str | None:
    if not _is_http(address):
        return "must begin with http:// or https://"
    return _ask(address, b"true", "Prefect API, as http://host:4200/api is")


def _check_mlflow(address: str) -> str | None:
    if _is_http(address):
        return _ask(address, b"OK", "MLflow server")
    if address.startswith(SQLITE) and ":memory:" not in address:
        return _try_database(database_file(address))
    if re.match(rf"({'|'.join(DATABASES)})(\+\w+)?:", address):
        return None
    return f"must begin with http://, https://, {SQLITE}<file> or one of {', '.join(DATABASES)}"


def _check_ray(address: str) -> str | None:
    if address in ("auto", "local"):
        return None
    place = _host_and_port(address if "://" in address else f"ray://{address}")
    if place is None or _is_http(address):  # HTTP is the dashboard's protocol; Ray does not connect with it
        return "must be host:port, ray://host:port, auto or local"
    try:
        socket.create_connection(place, timeout=PATIENCE).close()
    except (OSError, ValueError) as error:  # ValueError: a malformed host name
        return f"must be the address of a running Ray cluster ({error})"
    return None


CHECKS: dict[str, Check] = {
    "PREFECT_API_URL": _check_prefect,
    "MLFLOW_TRACKING_URI": _check_mlflow,
    "RAY_ADDRESS": _check_ray,
}
"""Environment variable → the check of its value."""


def _is_http(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))


def _host_and_port(address: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None


def _ask(address: str, healthy: bytes, wanted: str) -> str | None:
    """What is wrong with the answer of `<address>/health`, as text; None when nothing is.

    A server that asks for credentials, or whose certificate is not trusted here, passes: the client handles these.

    Args:
        healthy: the expected body.
        wanted: the kind of server, for the message.
    """
    from http.client import HTTPException
    from ssl import SSLCertVerificationError
    from urllib.error import HTTPError
    from urllib.request import urlopen

    if _host_and_port(address) is None:
        return "must have a host and, after a colon, a port that is a number"
    try:
        with urlopen(_health(address), timeout=PATIENCE) as reply:
            problem = None if reply.read(64).strip() == healthy else "its /health does not answer as one does"
    except HTTPError as error:
        problem = None if error.code in (401, 403) else f"its /health answers {error.code}"
    except OSError as error:
        reason = getattr(error, "reason", error)
        problem = None if isinstance(reason, SSLCertVerificationError) else str(reason)
    except (HTTPException, ValueError) as error:  # their texts may quote the address
        problem = type(error).__name__
    return problem and f"must be the address of a running {wanted} ({problem})"


def _health(address: str) -> str:
    parts = urlsplit(address)
    path = parts.path.rstrip("/") + "/health"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path, query="", fragment="").geturl()


def _try_database(file: Path) -> str | None:
    try:
        folder = next(place for place in file.absolute().parents if place.exists())
        if file.exists() and file.stat().st_size:
            with file.open("r+b") as stream:
                known = stream.read(15) == b"SQLite format 3"
            return None if known else "must be an SQLite database, but the file is something else"
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"must be a file that can be written ({error.strerror})"
