"""Background services: found again, started once, stopped whole. Small real programs stand in for the servers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from flows.services import local_services, processes, service_catalog, service_view
from flows.services.service_catalog import SERVERS, WORKER, Service, ServiceState

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"]
subprocess.Popen(child, start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""
"""Ignores SIGTERM, and has a child in a session of its own that does too."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where services keep their records; whatever a test leaves running is stopped."""
    yield tmp_path
    for name in {file.stem for file in tmp_path.glob("*.log")}:
        processes.stop(tmp_path, name, patience=0.2)


def start(folder: Path, code: str, name: str = "it") -> processes.Record:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    record = processes.start_process(folder, name, command, os.environ, None, {})
    until(lambda: "ready" in processes.tail(folder, name))
    return record


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_process_is_found_by_its_record_and_stopped_with_its_children(folder: Path) -> None:
    record = start(folder, STUBBORN)
    assert processes.find(folder, "it") == record
    assert processes.alive(folder, record)
    until(lambda: len(processes.members(folder, "it")) == 2)
    found = processes.members(folder, "it")
    assert record.pid in {process.pid for process in found}
    assert processes.stop(folder, "it", patience=0.3) == 2
    assert not any(processes.runs(process) for process in found)
    assert processes.find(folder, "it") is None
    assert processes.stop(folder, "it") == 0


def test_children_are_stopped_when_the_process_that_started_them_is_gone(folder: Path) -> None:
    record = start(folder, STUBBORN)
    until(lambda: len(processes.members(folder, "it")) == 2)
    os.kill(record.pid, signal.SIGKILL)
    until(lambda: not processes.alive(folder, record))
    assert processes.stop(folder, "it", patience=0.3) == 1
    assert processes.members(folder, "it") == set()


def test_a_process_is_asked_before_it_is_killed(folder: Path) -> None:
    start(
        folder,
        """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("goodbye", flush=True)))
        print("ready", flush=True)
        time.sleep(600)
        """,
    )
    assert processes.stop(folder, "it") == 1
    assert processes.tail(folder, "it") == "ready\ngoodbye"


def test_another_program_with_the_same_number_is_neither_alive_nor_stopped(folder: Path) -> None:
    start(folder, STUBBORN, "other")
    stranger = processes.Record("it", os.getpid(), None, {})
    assert not processes.alive(folder, stranger)
    assert processes.stop(folder, "it") == 0
    assert len(processes.members(folder, "other")) >= 1


def test_a_port_in_use_gives_way_to_a_free_one() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        used = server.getsockname()[1]
        found = processes.free_port(used, taken=set())
        assert found != used
        assert processes.is_free(found)
    assert processes.free_port(used, taken=set()) == used
    assert processes.free_port(used, taken={used}) != used


# --- up -----------------------------------------------------------------------------------------------------


def web(name: str) -> Service:
    """A server of a few milliseconds."""

    def command(port: int | None, home: Path, host: str) -> list[str]:
        return ["http.server", "--bind", "127.0.0.1", "--directory", str(home), str(port)]

    return Service(
        name, 8000, command, lambda site, since: service_catalog.ask(f"http://127.0.0.1:{site.ports[name]}/") != b""
    )


def broken(name: str) -> Service:
    return Service(name, 8000, lambda port, home, host: ["no_such_module"], lambda site, since: False)


def bring_up(folder: Path, *wanted: Service) -> ServiceState:
    site = ServiceState(folder)
    with pytest.MonkeyPatch.context() as patch, local_services._progress(Console(quiet=True)) as progress:
        patch.setattr(local_services, "SERVERS", wanted)
        local_services._assign_ports(site)
        local_services._bring_up(wanted, site, folder, progress)
    return site


def test_up_starts_once_and_starts_again_what_died(folder: Path) -> None:
    first = bring_up(folder, web("mlflow"), web("prefect"))
    assert first.states == {"mlflow": "started", "prefect": "started"}
    assert len(set(first.ports.values())) == 2
    records = {name: processes.find(folder, name) for name in first.states}

    second = bring_up(folder, web("mlflow"), web("prefect"))
    assert second.states == {"mlflow": "running already", "prefect": "running already"}
    assert {name: processes.find(folder, name) for name in second.states} == records

    dead = records["mlflow"]
    assert dead is not None
    process = psutil.Process(dead.pid)
    os.kill(dead.pid, signal.SIGKILL)
    # Its environment goes before its port does.
    until(lambda: not processes.runs(process))
    third = bring_up(folder, web("mlflow"), web("prefect"))
    assert third.states == {"mlflow": "started again", "prefect": "running already"}
    assert third.ports == first.ports
    assert processes.find(folder, "prefect") == records["prefect"]


def test_a_port_that_was_taken_meanwhile_gives_way_to_another(folder: Path) -> None:
    site = ServiceState(folder)
    with pytest.MonkeyPatch.context() as patch, local_services._progress(Console(quiet=True)) as progress:
        patch.setattr(local_services, "SERVERS", (web("mlflow"),))
        local_services._assign_ports(site)
        taken = site.ports["mlflow"]
        with socket.create_server(("127.0.0.1", taken)):
            local_services._bring_up([web("mlflow")], site, folder, progress)
    assert site.states == {"mlflow": "started again"}
    assert site.ports["mlflow"] != taken
    assert site.failures == []


def test_what_does_not_start_is_said_with_its_log_and_the_others_go_on(folder: Path) -> None:
    site = bring_up(folder, broken("mlflow"), web("prefect"))
    assert site.states == {"mlflow": "failed", "prefect": "started"}
    assert len(site.failures) == 1
    assert "No module named no_such_module" in site.failures[0]
    assert str(folder / "mlflow.log") in site.failures[0]
    assert set(site.addresses) == {"PREFECT_API_URL"}
    assert processes.find(folder, "mlflow") is None
    assert len(processes.members(folder, "prefect")) == 1


def test_what_never_becomes_healthy_is_cleared_away(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_services, "PATIENCE", 1.0)
    mute = Service("mlflow", 8000, web("mlflow").command, lambda site, since: False)
    site = bring_up(folder, mute)
    assert "was not healthy within 1 s" in site.failures[0]
    assert processes.members(folder, "mlflow") == set()


def test_the_screen_has_the_addresses_and_one_line_to_use_them(folder: Path) -> None:
    ports = {"prefect": 1234, "mlflow": 5678, "ray": 6379}
    site = ServiceState(folder, ports, {"prefect": "started", "mlflow": "failed", "ray": "started"}, ["mlflow ended"])
    console = Console(width=100, record=True, quiet=False, file=open(os.devnull, "w"))  # noqa: SIM115
    service_view.show_services(site, console)
    lines = console.export_text().splitlines()
    assert [line.split() for line in lines if line.startswith("prefect")] == [
        ["prefect", "started", "http://127.0.0.1:1234"]
    ], "a browser opens the pages and not the API"
    assert [line.split() for line in lines if line.startswith("ray")] == [["ray", "started"]], "it serves no pages"
    assert any(line.startswith("export PREFECT_API_URL=http://127.0.0.1:1234/api RAY_ADDRESS=") for line in lines)
    assert "paredown: mlflow ended" in lines


# --- what the services are told -----------------------------------------------------------------------------


def test_only_the_worker_is_told_of_the_servers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    site = ServiceState(
        folder, {"prefect": 1, "mlflow": 2, "ray": 3}, dict.fromkeys(("prefect", "mlflow", "ray"), "started")
    )
    told = {service.name: service_catalog.surroundings(service, site, folder) for service in (*SERVERS, WORKER)}
    assert told["worker"]["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:2"
    assert told["worker"]["RAY_ADDRESS"] == "127.0.0.1:3"
    assert told["worker"]["PREFECT_API_URL"] == told["prefect"]["PREFECT_UI_API_URL"] == "http://127.0.0.1:1/api"
    assert not {"MLFLOW_TRACKING_URI", "RAY_ADDRESS"} & (told["mlflow"].keys() | told["ray"].keys())
    for surroundings in told.values():
        assert surroundings["PAREDOWN_HOME"] == str(folder)
        assert surroundings["DO_NOT_TRACK"] == "1"
        assert "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL" not in surroundings


@pytest.mark.parametrize("service", SERVERS, ids=lambda service: service.name)
def test_every_server_listens_on_this_machine_only(service: Service) -> None:
    command = " ".join(service.command(4321, Path("/home"), "127.0.0.1"))
    assert "127.0.0.1" in command
    assert "4321" in command
    assert "0.0.0.0" not in command


def test_down_says_that_nothing_was_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path))
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        stopped = local_services.stop_services(Console(quiet=True))
    assert stopped == {"watch": 0, "worker": 0, "ray": 0, "mlflow": 0, "prefect": 0}


def test_a_server_of_others_at_the_port_does_not_count(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        start(folder, 'import time; print("ready", flush=True); time.sleep(600)')
        assert not processes.listens(folder, "it", port)
    serve = f'import socket, time; s = socket.create_server(("127.0.0.1", {port}))'
    start(folder, f'{serve}; print("ready", flush=True); time.sleep(600)', "own")
    assert processes.listens(folder, "own", port)
