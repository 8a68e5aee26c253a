"""Freed memory: a large block that was freed costs no new pages."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from tasks.kernels.host.freed_memory import keep_freed_memory
if not keep_freed_memory():
    raise SystemExit(77)
def pages():
    np.ones(48 * 2**20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
pages()
first, second = pages(), pages()
print(second - first)
"""


def test_a_large_block_is_used_again() -> None:
    """48 MiB are 12,288 pages of 4 KiB."""
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    if answer.returncode == 77:
        pytest.skip("the library of C has no such settings")
    assert int(answer.stdout) < 100, answer.stderr
