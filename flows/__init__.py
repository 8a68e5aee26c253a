"""Flows of Paredown: what Prefect runs, the recipes that configure it, and the command line."""

import sys
from pathlib import Path

# `python -m` looks in the working folder first, where the user may have a `tasks` of their own.
_ROOT = str(Path(__file__).parent.parent)
sys.path.insert(0, _ROOT)
import tasks  # noqa: E402, F401

sys.path.remove(_ROOT)
