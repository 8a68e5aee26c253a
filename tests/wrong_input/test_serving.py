"""Wrong input to `serve`: one message each, and nothing is served."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml
from support.registered import register_versions
from support.wrong_input import RECIPE, answer

from tasks.tracking.version_files import file_of

CONF = "a.yaml"


@pytest.fixture
def uri(place: Path) -> str:
    """The registry of a home with a champion."""
    Path(CONF).write_text(yaml.safe_dump(RECIPE))
    uri = f"sqlite:///{place / 'home' / 'mlflow.db'}"
    register_versions(uri, "good", 1)
    return uri


def test_what_cannot_be_served(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("log").write_text("a file")
    says = "--log: must be a folder, but got 'log'"
    assert answer(capsys, "serve", CONF, "--port", "0", "--log", "log") == (2, "", f"paredown: {says}\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        law = "must be a free port of 127.0.0.1 (address already in use)"
        says = f"--port: {law}, but got {port}; nearest valid choice: --port 0, which is any free one"
        assert answer(capsys, "serve", CONF, "--port", str(port)) == (2, "", f"paredown: {says}\n")
    law = "must be a free port of 127.0.0.1 (ports are 0 to 65535)"
    says = f"--port: {law}, but got 70000; nearest valid choice: --port 0, which is any free one"
    assert answer(capsys, "serve", CONF, "--port", "70000") == (2, "", f"paredown: {says}\n")


def test_an_altered_champion(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    file_of(uri, "good", 1).write_bytes(b"another")
    code, said, message = answer(capsys, "serve", CONF, "--port", "0")
    assert (code, said) == (2, "")
    law = "must be a product whose champion is as it was registered, but good version 1: "
    assert message.startswith(f"paredown: {CONF}: name: {law}")
    assert message.endswith("model.onnx was altered since it was registered, but got 'good'\n")


def test_no_champion(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(CONF).write_text(yaml.safe_dump(RECIPE))
    says = "name: there must be a registered model of this name, but none is registered, but got 'good'"
    assert answer(capsys, "serve", CONF) == (2, "", f"paredown: {CONF}: {says}\n")
