"""Servers that a network reaches: nothing is answered without the password, and everything works with it."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest
from support.servers import TINY, paredown

from flows.services import processes
from flows.services.safety import passwords

pytestmark = pytest.mark.e2e

SECRET = "correct-horse%battery:staple"


@dataclass
class Site:
    folder: Path
    addresses: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A `paredown up` at this machine's outer address."""
    pytest.importorskip("flask_wtf")
    host = passwords._outer_address()
    if host is None or host.startswith("127."):
        pytest.skip("this machine is on no network")
    folder = tmp_path_factory.mktemp("open")
    (folder / "tiny.yaml").write_text(TINY)
    up = paredown(folder, "up", "--no-ray", "--host", host, log="up", PAREDOWN_PASSWORD=SECRET)
    try:
        assert up.ends() == 0, up.text()
        found = re.search(r"^export (PREFECT_API_URL=\S+ MLFLOW_TRACKING_URI=\S+)$", up.text(), re.MULTILINE)
        assert found, up.text()
        addresses = dict(pair.split("=", 1) for pair in found[1].split())
        assert all(f"//{host}:" in address for address in addresses.values())
        yield Site(folder, addresses)
    finally:
        assert paredown(folder, "down", log="down").ends() == 0


def status(url: str, password: str | None, body: bytes | None = None) -> int:
    headers = {"Content-Type": "application/json"}
    if password is not None:
        headers["Authorization"] = f"Basic {b64encode(f'paredown:{password}'.encode()).decode()}"
    try:
        with urlopen(Request(url, body, headers), timeout=60) as reply:
            return int(reply.status)
    except HTTPError as error:
        return error.code


def test_nothing_is_answered_without_the_password(site: Site) -> None:
    runs = f"{site.addresses['PREFECT_API_URL']}/flow_runs/count"
    models = f"{site.addresses['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/experiments/search?max_results=1"
    assert [status(runs, each, b"{}") for each in (None, "wrong-password", SECRET)] == [401, 401, 200]
    assert [status(models, each) for each in (None, "wrong-password", SECRET)] == [401, 401, 200]


def test_no_file_and_no_command_line_shows_the_password(site: Site) -> None:
    home = site.folder / "home"
    holders = [file for file in home.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
    assert holders == []
    secret_files = ["services/mlflow-auth.db", "services/mlflow-auth.ini", "services/mlflow-auth.scrypt"]
    assert {name: (home / name).stat().st_mode & 0o777 for name in secret_files} == dict.fromkeys(secret_files, 0o600)
    for name in ("prefect", "mlflow", "worker", "watch"):
        found = processes.members(home / "services", name)
        assert found
        for process in found:
            with psutil.Process(process.pid).oneshot():
                assert SECRET not in " ".join(process.cmdline())


def test_commands_work_with_the_password_and_say_what_they_miss_without(site: Site) -> None:
    given = site.addresses | {"PAREDOWN_PASSWORD": SECRET}
    run = paredown(site.folder, "optimize", "tiny.yaml", log="optimize", **given)
    assert run.ends() == 0, run.text()
    history = paredown(site.folder, "history", "tiny.yaml", log="history", **given)
    assert history.ends() == 0, history.text()
    assert "champion" in history.text()
    for command in ("history", "optimize"):
        without = paredown(site.folder, command, "tiny.yaml", log=f"{command}-without", **site.addresses)
        assert without.ends() == 2, without.text()
        assert "PAREDOWN_PASSWORD" in without.text()
    assert os.environ.get("PAREDOWN_PASSWORD") is None
