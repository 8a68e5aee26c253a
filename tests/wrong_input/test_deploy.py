"""Wrong input to `deploy`: one message each, and nothing is registered."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.wrong_input import RECIPE, answer

NO_SERVER = (
    "PREFECT_API_URL: must be the address of a running Prefect server, for the embedded one ends with its command; "
    "nearest valid choice: that of `paredown up`, which starts a server and a worker"
)
GONE = (
    "PREFECT_API_URL: must be the address of a running Prefect API, as http://host:4200/api is "
    "([Errno 111] Connection refused), but got 'http://127.0.0.1:1/api'; "
    "nearest valid choice: that of `paredown up`, which starts a server and a worker"
)


def test_what_cannot_be_deployed(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.yaml").write_text(yaml.safe_dump(RECIPE))
    Path("b.yaml").write_text(yaml.safe_dump(RECIPE))
    Path("c.yaml").write_text(yaml.safe_dump({**RECIPE, "name": 2026}))
    template = "{{ event.payload.rows }}"
    rows = {
        ("nowhere.yaml",): "nowhere.yaml: does not exist; nearest valid choice: c.yaml",
        ("c.yaml",): "c.yaml: name: must be text, but got 2026; nearest valid choice: '2026'",
        ("a.yaml", "b.yaml"): (
            f"b.yaml: name: must be a name of its own, but {place / 'a.yaml'} has it, too, but got 'good'"
        ),
        ("a.yaml", "--batches", "nowhere"): "--batches: must be a file or folder that exists, but got 'nowhere'",
        ("a.yaml", "--new-data", template): (
            "--new-data: must have text beside its template, for a number that it may become would start no run, "
            f"but got '{template}'; nearest valid choice: ./{template}"
        ),
        ("a.yaml", "--cron", "at night"): (
            "--cron: must be five fields: minute, hour, day, month, weekday, but got 'at night'; "
            "nearest valid choice: '0 3 * * *'"
        ),
        ("a.yaml",): NO_SERVER,
    }
    for arguments, says in rows.items():
        assert answer(capsys, "deploy", *arguments) == (2, "", f"paredown: {says}\n")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert answer(capsys, "deploy", "a.yaml") == (2, "", f"paredown: {GONE}\n")
    assert not Path("home/deployed.json").exists()
