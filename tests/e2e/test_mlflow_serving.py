"""MLflow's own scoring server answers JSON records of raw rows as `paredown predict` answers a file of them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.churn_table import churn_table

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ["model.family=lightgbm", "compress.branches=[{name: fewer, steps: [{step: trees}]}]", "goal.max_drop=0.05"]
Rows = list[dict[str, Any]]


def environment(folder: Path) -> dict[str, str]:
    places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    uri = f"sqlite:///{folder / 'home' / 'mlflow.db'}"
    home = {"PAREDOWN_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": uri}
    return {**os.environ, **home, "PATH": places}


def paredown(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "flows.cli", *words]
    ran = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 3), ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shipped recipe ran on a made table."""
    here = tmp_path_factory.mktemp("churn")
    churn_table(900).to_csv(here / "customers.csv", index=False)
    said = paredown(here, "optimize", str(ROOT / "conf" / "churn.yaml"), "data.source=customers.csv", *SETTINGS)
    # A branch that is chosen adds "before it was pared down" in front; by how little it is faster here is chance.
    assert re.search(r"in Python for 1 row .*pipeline\.predict_proba of scikit-learn \d", " ".join(said.split()))
    return here


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """The address of `mlflow models serve` for the champion."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["mlflow", "models", "serve", "-m", "models:/churn@champion", "--env-manager", "local", "-p", str(port)]
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            words, cwd=folder, env=environment(folder), stdout=out, stderr=out, start_new_session=True
        )
    address, end = f"http://127.0.0.1:{port}", time.monotonic() + 120
    try:
        while not is_up(address):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.5)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/ping", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def ask(address: str, rows: Rows) -> tuple[int, Any]:
    """The status and the answer of the server for JSON records."""
    body = json.dumps({"dataframe_records": rows}).encode()
    request = urllib.request.Request(f"{address}/invocations", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def probabilities(address: str, rows: Rows) -> np.ndarray:
    status, answer = ask(address, rows)
    assert status == 200, answer
    return np.array(answer["predictions"]["probabilities"])


def records(frame: pd.DataFrame) -> Rows:
    """A missing number is null, and missing text is empty."""
    text = frame.select_dtypes(exclude="number").columns
    frame = frame.assign(**{name: frame[name].fillna("") for name in text})
    rows: Rows = json.loads(frame.to_json(orient="records"))
    return rows


def expected(folder: Path, frame: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """The answers and probabilities of `paredown predict`."""
    frame.to_csv(folder / "rows.csv", index=False)
    paredown(folder, "predict", str(ROOT / "conf" / "churn.yaml"), "rows.csv", "--output", "answers.parquet")
    found = pd.read_parquet(folder / "answers.parquet")
    return found["answer"].tolist(), found[["probability of no", "probability of yes"]].to_numpy()


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """New customers: with gaps, and one of a region that training did not have."""
    frame = churn_table(60, seed=9).drop(columns=["churned", "customer"])
    frame.loc[3, "region"] = "abroad"
    assert frame["region"].isna().any()
    assert frame["monthly bill"].isna().any()
    return frame


def test_records_get_the_answers_of_predict(server: str, folder: Path, rows: pd.DataFrame) -> None:
    labels, wanted = expected(folder, rows)
    status, answer = ask(server, records(rows))
    assert status == 200, answer
    assert answer["predictions"]["label"] == labels
    np.testing.assert_allclose(answer["predictions"]["probabilities"], wanted, atol=1e-6)
    assert len(np.unique(wanted[:, 1])) > 20


def test_another_order_and_a_further_column_change_nothing(server: str, rows: pd.DataFrame) -> None:
    turned = rows[rows.columns[::-1]].assign(customer="C-1", spare=7)
    assert (probabilities(server, records(turned)) == probabilities(server, records(rows))).all()


def test_whole_numbers_and_a_single_row(server: str, rows: pd.DataFrame) -> None:
    row = {**records(rows)[0], "months": 12.0}
    assert (probabilities(server, [row]) == probabilities(server, [{**row, "months": 12}])).all()


def test_a_column_that_is_missing_is_named(server: str, rows: pd.DataFrame) -> None:
    status, said = ask(server, records(rows.drop(columns="plan")))
    assert status == 400
    assert "Model is missing inputs ['plan']" in said


def test_a_word_in_a_number_column_is_an_error(server: str, rows: pd.DataFrame) -> None:
    status, said = ask(server, [{**records(rows)[0], "months": "many"}])
    assert status == 400
    assert "many" in said


def test_null_is_a_missing_number(server: str, rows: pd.DataFrame) -> None:
    row = records(rows)[0]
    alone = probabilities(server, [{**row, "monthly bill": None}])
    assert (probabilities(server, [row, {**row, "monthly bill": None}])[1:] == alone).all()


def test_null_is_no_missing_text(server: str, rows: pd.DataFrame) -> None:
    """MLflow refuses it where the column has no text, and otherwise passes it on as the word None."""
    row = {**records(rows)[0], "region": "north"}
    status, said = ask(server, [{**row, "region": None}])
    assert status == 400
    assert "enforce schema" in said
    beside = probabilities(server, [row, {**row, "region": None}])
    assert (beside[1:] == probabilities(server, [{**row, "region": "None"}])).all()


def test_reasons_of_the_champion(folder: Path, rows: pd.DataFrame) -> None:
    rows.to_csv(folder / "rows.csv", index=False)
    said = paredown(folder, "predict", str(ROOT / "conf" / "churn.yaml"), "rows.csv", "--reasons", "2", "--json")
    found = json.loads(said)
    assert {"reason 1", "effect 1", "reason 2", "effect 2"} <= set(found[0])
    assert {each["reason 1"] for each in found} <= {*rows.columns, None}
    assert sum(each["reason 1"] in ("plan", "support-calls") for each in found) > len(found) / 4
