"""The trainable: the threads that a worker computes with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("order", ["import torch; pin_threads(1)", "pin_threads(1); import torch"])
def test_threads_are_pinned_whether_torch_is_there_already_or_not(order: str) -> None:
    code = f"from tasks.tuning.trainable import pin_threads; {order}; print(torch.get_num_threads())"
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout == "1\n"
