"""Single retrain: the second one says so, and the lock ends with the first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.loop.single_retrain import single_retrain
from tasks.core import InputError


def test_the_second_retrain_of_a_product_is_refused(tmp_path: Path) -> None:
    with single_retrain(tmp_path, "churn"):
        told = f"name: is being retrained by process {os.getpid()}: wait until it has ended, but got 'churn'"
        with pytest.raises(InputError, match=told), single_retrain(tmp_path, "churn"):
            pass
        with single_retrain(tmp_path, "another"):
            pass
    with single_retrain(tmp_path, "churn"):
        assert (tmp_path / "locks" / "churn.retrain").read_text() == str(os.getpid())


def test_a_failed_one_leaves_no_lock(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), single_retrain(tmp_path, "churn"):
        raise RuntimeError
    with single_retrain(tmp_path, "churn"):
        pass


HOLDER = """
import sys, time
from pathlib import Path
from flows.loop.single_retrain import single_retrain
with single_retrain(Path(sys.argv[1]), "churn"):
    print("holds", flush=True)
    time.sleep(600)
"""


def test_another_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline() == b"holds\n"
    with pytest.raises(InputError, match=f"by process {first.pid}: wait"), single_retrain(tmp_path, "churn"):
        pass
    first.kill()
    first.wait()
    first.stdout.close()
    with single_retrain(tmp_path, "churn"):
        pass
