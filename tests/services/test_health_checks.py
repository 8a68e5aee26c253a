"""Servers that answer, that are silent, absent or something else: real (small) ones on this machine."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flows.services import environment, health_checks
from flows.services.health_checks import check_servers
from tasks.core import InputError


@contextmanager
def server(status: int, body: bytes, at: str = "/health", delay: float = 0.0) -> Iterator[str]:
    """The address of an HTTP server that answers at one path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(delay)
            with suppress(BrokenPipeError):  # whoever asked has gone
                self.send_response(status if self.path == at else 404)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        http.server_close()


@contextmanager
def listener() -> Iterator[str]:
    """The address of a socket that takes connections and never says a word."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        place.listen()
        yield f"127.0.0.1:{place.getsockname()[1]}"


def nobody() -> str:
    """An address on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def refusal(name: str, address: str) -> InputError:
    with pytest.raises(InputError) as caught:
        check_servers({name: address})
    assert caught.value.path == name
    assert caught.value.nearest == f"unset {name} for the embedded one"
    return caught.value


def test_what_is_not_named_is_not_asked() -> None:
    check_servers({})
    check_servers({"PREFECT_API_URL": "", "MLFLOW_TRACKING_URI": "", "RAY_ADDRESS": "", "HOME": "nowhere:1"})


def test_servers_that_answer_pass() -> None:
    with server(200, b"OK") as mlflow, server(200, b"true", "/api/health") as prefect, listener() as ray:
        check_servers(
            {
                "MLFLOW_TRACKING_URI": f"http://user:secret@{mlflow}/",
                "PREFECT_API_URL": f"http://{prefect}/api",
                "RAY_ADDRESS": f"ray://{ray}",
            }
        )
        check_servers({"PREFECT_API_URL": f"http://user:secret@{prefect}/api/", "RAY_ADDRESS": ray})
    check_servers({"RAY_ADDRESS": "auto"})
    check_servers({"RAY_ADDRESS": "local"})


@pytest.mark.parametrize("name", ["PREFECT_API_URL", "MLFLOW_TRACKING_URI"])
def test_a_gate_before_the_server_passes(name: str) -> None:
    with server(401, b"who are you") as address:
        check_servers({name: f"http://{address}"})


@pytest.mark.parametrize("name", ["PREFECT_API_URL", "MLFLOW_TRACKING_URI"])
def test_another_server_is_not_taken_for_the_right_one(name: str) -> None:
    with server(200, b"<html>") as address:
        message = str(refusal(name, f"http://user:secret@{address}/here?token=hidden"))
        assert f"but got 'http://{address}/here'" in message
        assert "secret" not in message
        assert "hidden" not in message
    with server(404, b"OK") as address:
        assert "/health answers 404" in refusal(name, f"http://{address}").law


def test_prefect_without_its_api_is_told_where_it_is() -> None:
    with server(200, b"true", "/api/health") as address:
        assert "as http://host:4200/api is" in refusal("PREFECT_API_URL", f"http://{address}").law


@pytest.mark.parametrize("name", health_checks.CHECKS)
def test_an_absent_server_is_named(name: str) -> None:
    scheme = "" if name == "RAY_ADDRESS" else "http://"
    assert "Connection refused" in refusal(name, f"{scheme}{nobody()}").law


def test_silent_servers_cost_their_patience_once_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_checks, "PATIENCE", 0.5)
    started = time.perf_counter()
    with server(200, b"OK", delay=1.0) as slow, listener() as silent, pytest.raises(InputError) as caught:
        check_servers({"MLFLOW_TRACKING_URI": f"http://{slow}", "PREFECT_API_URL": f"http://{silent}/api"})
    assert caught.value.path == "PREFECT_API_URL"
    assert time.perf_counter() - started < 2.5  # the slow server's own second included


def test_a_look_up_that_never_ends_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(health_checks, "PATIENCE", 0.2)
    monkeypatch.setattr(health_checks.socket, "create_connection", lambda *_, **__: over.wait())
    started = time.perf_counter()
    assert refusal("RAY_ADDRESS", "head.example:6379").law == "must answer within 0.2 seconds"
    assert time.perf_counter() - started < 2
    over.set()


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("MLFLOW_TRACKING_URI", "mlruns"),
        ("MLFLOW_TRACKING_URI", "file:///runs"),
        ("MLFLOW_TRACKING_URI", "sqlite://"),
        ("MLFLOW_TRACKING_URI", "sqlite:///:memory:"),
        ("MLFLOW_TRACKING_URI", "http://"),
        ("MLFLOW_TRACKING_URI", "http://host:port"),
        ("MLFLOW_TRACKING_URI", "postgres://user:secret@host/runs"),
        ("MLFLOW_TRACKING_URI", "http://user:secret/1@host"),
        ("PREFECT_API_URL", "127.0.0.1:4200/api"),
        ("PREFECT_API_URL", "http://[::1/api"),
        ("PREFECT_API_URL", "http://127.0.0.1:1/a b"),
        ("RAY_ADDRESS", "head"),
        ("RAY_ADDRESS", "head:port"),
        ("RAY_ADDRESS", "user:secret@head:port"),
        ("RAY_ADDRESS", "http://127.0.0.1:8265"),
        ("RAY_ADDRESS", "head..example:6379"),
    ],
)
def test_addresses_that_are_none(name: str, address: str) -> None:
    message = str(refusal(name, address))
    assert "must" in message
    assert "secret" not in message


@pytest.mark.parametrize("address", ["postgresql://user@host/runs", "mysql+pymysql://host/runs", "mssql+pyodbc://dsn"])
def test_databases_pass_unchecked(address: str) -> None:
    check_servers({"MLFLOW_TRACKING_URI": address})


def test_the_place_of_a_database_must_take_a_file(tmp_path: Path) -> None:
    check_servers({"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/not/yet/there/mlflow.db"})
    assert not list(tmp_path.iterdir())
    (tmp_path / "text").write_text("no database at all")
    for place, law in {"text": "something else", "text/mlflow.db": "can be written", "": "can be written"}.items():
        assert law in refusal("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/{place}").law


def test_a_fault_of_a_check_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(health_checks.CHECKS, "RAY_ADDRESS", lambda address: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        check_servers({"RAY_ADDRESS": "auto"})


def test_a_run_does_not_begin_before_its_servers_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ | {"PAREDOWN_HOME": str(tmp_path), "RAY_ADDRESS": nobody()})
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(InputError, match="running Ray cluster"):
        environment.prepare_environment()


def test_only_what_is_secret_is_left_out() -> None:
    assert health_checks.without_password("http://user:pa/ss@host:1/x") == "http://host:1/x"
    assert health_checks.without_password("user:secret@host:1") == "host:1"
    assert health_checks.without_password("http://host:1/a") == "http://host:1/a"
    assert health_checks.without_password("sqlite:////home/me@work/runs.db") == "sqlite:////home/me@work/runs.db"
