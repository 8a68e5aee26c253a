"""An embedded server is ended when its run is gone, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.services.safety.orphaned_servers import SERVER, stop_orphans

STAND_IN = f"import time; time.sleep(60)  # {SERVER}"
COMMAND = [sys.executable, "-c", STAND_IN, SERVER]
PARENT = (
    "import subprocess, sys; print(subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL).pid, flush=True); "
    "sys.stdin.read()"
)


def server_of_a_run(home: Path) -> tuple[subprocess.Popen[str], int]:
    """A process that has a stand-in for the server as its child, and the child's number."""
    run = subprocess.Popen(
        [sys.executable, "-c", PARENT, *COMMAND],
        env={**os.environ, "PREFECT_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    return run, int(run.stdout.readline())


def wait_for_orphan(pid: int, parent: int) -> None:
    for _ in range(100):
        if psutil.Process(pid).ppid() != parent:
            return
        time.sleep(0.05)
    pytest.fail("the server kept its parent")


def test_only_a_server_whose_run_was_killed_is_ended(tmp_path: Path) -> None:
    run, pid = server_of_a_run(tmp_path)
    try:
        assert stop_orphans(tmp_path) == []
        assert psutil.pid_exists(pid)
        run.kill()
        run.wait()
        wait_for_orphan(pid, run.pid)
        assert stop_orphans(tmp_path / "other") == []
        assert stop_orphans(tmp_path) == [pid]
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    finally:
        if psutil.pid_exists(pid):
            psutil.Process(pid).kill()
