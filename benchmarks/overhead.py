"""What orchestration costs: the digits recipe through the flow, and as plain function calls.

    python benchmarks/overhead.py [--rounds 3] [--recipe conf/digits.yaml] [--json out.json]

In every round, in turn, each in a fresh process: `flow` runs `paredown optimize` whole in a fresh home; `plain` calls
the same verbs as functions, without Prefect; `again` repeats the flow with nothing changed; `start` is what a flow
without any step takes. Also: `paredown --help` and `paredown plan`, in fresh processes. Seconds on the
wall; medians and ranges over the rounds, and the ratio within a round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tasks.kernels.host.machine import host_name

PAREDOWN = [sys.executable, "-m", "flows.cli"]
PLAIN = """
import sys
from pathlib import Path
from flows.services.environment import prepare_environment
workspace = prepare_environment()
from flows.recipe.loading import load_recipe
from flows.results.run_job import run_job
from tasks.core import PlainRunner
run_job(load_recipe(Path(sys.argv[1])), workspace, PlainRunner())
"""
START = """
from flows.services.environment import prepare_environment
prepare_environment()
from prefect import flow
flow(lambda: None, name="nothing")()
"""


def main() -> None:
    """Measures, prints and, if asked, writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--recipe", default="conf/digits.yaml")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rounds = [measure(options.recipe) for _ in range(options.rounds)]
    table = {name: [one[name] for one in rounds] for name in rounds[0]}
    table["flow / plain"] = [one["flow"] / one["plain"] for one in rounds]
    table["(flow - start) / plain"] = [(one["flow"] - one["start"]) / one["plain"] for one in rounds]
    print(f"n = {options.rounds} rounds, on {host_name()}")
    for name, values in table.items():
        print(f"{name:>24}  median {statistics.median(values):8.3f}  [{min(values):.3f}, {max(values):.3f}]")
    if options.json:
        options.json.write_text(json.dumps({"host": host_name(), "rounds": options.rounds, "seconds": table}, indent=1))


def measure(recipe: str) -> dict[str, float]:
    """One round: seconds of each contender."""
    with tempfile.TemporaryDirectory() as folder:
        flow_home, plain_home = Path(folder, "flow"), Path(folder, "plain")
        seconds = {"plain": clock([sys.executable, "-c", PLAIN, recipe], plain_home)}
        seconds["flow"] = clock([*PAREDOWN, "optimize", recipe], flow_home)
        seconds["again"] = clock([*PAREDOWN, "optimize", recipe], flow_home)
        seconds["start"] = clock([sys.executable, "-c", START], flow_home)
        seconds["plan"] = clock([*PAREDOWN, "plan", recipe], flow_home)
        seconds["help"] = clock([*PAREDOWN, "--help"], flow_home)
    return seconds


def clock(command: list[str], home: Path) -> float:
    """Wall seconds of a command in a fresh process; exit codes 0 and 3 are both honest ends of a run."""
    home.mkdir(exist_ok=True)
    started = time.monotonic()
    done = subprocess.run(
        command, env={**os.environ, "PAREDOWN_HOME": str(home)}, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 3):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.monotonic() - started


if __name__ == "__main__":
    main()
