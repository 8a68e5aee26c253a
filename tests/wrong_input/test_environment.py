"""Wrong environments: servers that do not answer, and homes that cannot be written to."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from support.wrong_input import Row, answer, check_optimize, write


def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


SERVERS = {
    "PREFECT_API_URL": ("http://{}/api", "must be the address of a running Prefect API, as http://host:4200/api is"),
    "MLFLOW_TRACKING_URI": ("http://{}", "must be the address of a running MLflow server"),
    "RAY_ADDRESS": ("{}", "must be the address of a running Ray cluster"),
}


@pytest.mark.parametrize("variable", SERVERS)
def test_a_server_that_does_not_answer(
    variable: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    form, law = SERVERS[variable]
    address = form.format(f"127.0.0.1:{closed_port()}")
    monkeypatch.setenv(variable, address)
    says = (
        f"paredown: {variable}: {law} ([Errno 111] Connection refused), but got {address!r}; "
        f"nearest valid choice: unset {variable} for the embedded one\n"
    )
    assert answer(capsys, "plan", *write(Row(""))) == (2, "", says)


@pytest.mark.parametrize(
    ("home", "reason"),
    [
        ("rows.csv", "File exists"),
        ("rows.csv/below", "Not a directory"),
        ("/proc/paredown", "No such file or directory"),
    ],
)
def test_a_home_that_is_no_folder_to_write_to(
    home: str, reason: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAREDOWN_HOME", home)
    says = f"PAREDOWN_HOME: must be a folder that can be written ({reason}), but got {str(place / home)!r}"
    assert answer(capsys, "plan", *write(Row(""))) == (2, "", f"paredown: {says}\n")


def test_a_home_that_is_full(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = place / "tiny"
    tiny.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tiny)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        monkeypatch.setenv("PAREDOWN_HOME", str(tiny))
        says = f"paredown: PAREDOWN_HOME: must be a folder with 256 MiB free, but {tiny} has 1 MiB\n"
        assert answer(capsys, "plan", *write(Row(""))) == (2, "", says)
        with (tiny / "filler").open("wb") as filler, pytest.raises(OSError, match="No space"):
            filler.write(bytes(2**21))
        law = "must be a folder that can be written (No space left on device)"
        says = f"paredown: PAREDOWN_HOME: {law}, but got {str(tiny)!r}\n"
        assert answer(capsys, "plan", *write(Row(""))) == (2, "", says)
    finally:
        subprocess.run(["umount", str(tiny)], check=True)


@pytest.mark.parametrize(
    ("host", "password", "says"),
    [
        ("0.0.0.0", "", "--host: must be one address of this machine, at which others reach it, but got '0.0.0.0'"),
        ("8.8.8.8", "", "--host: must be an address of this machine, but got '8.8.8.8'"),
        ("127.0.0.1", "short", "PAREDOWN_PASSWORD: must be a password of at least 12 characters"),
    ],
)
def test_an_address_that_servers_cannot_be_opened_at(
    host: str,
    password: str,
    says: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PAREDOWN_HOME", str(place / "home"))
    monkeypatch.setenv("PAREDOWN_PASSWORD", password)
    code, out, err = answer(capsys, "up", "--no-ray", "--host", host)
    assert (code, out) == (2, "")
    assert err.startswith(f"paredown: {says}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["before Prefect, in the environment"])
@pytest.mark.e2e
def test_optimize_says_the_same_in_a_process_of_its_own(name: str, place: Path) -> None:
    law = "must be a folder that can be written (File exists)"
    says = f"PAREDOWN_HOME: {law}, but got {str(place / 'rows.csv')!r}"
    check_optimize(write(Row("")), says, PAREDOWN_HOME="rows.csv")
