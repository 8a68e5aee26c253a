"""Wrong input to `history`, `promote` and `rollback`, and a registry that was changed by hand: one message each."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.registered import register_versions
from support.wrong_input import RECIPE, answer

from tasks import tracking
from tasks.tracking.version_files import file_of

CONF = "a.yaml"


@pytest.fixture
def uri(place: Path) -> str:
    """The registry of a home with two versions of the recipe's product: a champion and a challenger."""
    Path(CONF).write_text(yaml.safe_dump(RECIPE))
    uri = f"sqlite:///{place / 'home' / 'mlflow.db'}"
    register_versions(uri, "good", 2)
    return uri


def aliases(uri: str) -> dict[str, int]:
    found = tracking.open_client(uri).get_registered_model("good").aliases
    return {alias: int(number) for alias, number in found.items()}


def test_versions_that_cannot_be_promoted_or_taken_back(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {
        ("promote", CONF): (
            "VERSION: must be a version that passed the gate, but got 2; "
            "nearest valid choice: --force, which the registry remembers"
        ),
        ("promote", CONF, "9"): (
            "VERSION: must be a version of good that the registry holds, but got 9; nearest valid choice: 1, 2"
        ),
        ("promote", CONF, "1"): "VERSION: must be another version than the champion, but got 1",
        ("rollback", CONF): (
            f"{CONF}: name: there must be a previous champion to go back to, but got 'good'; "
            "nearest valid choice: paredown promote CONF VERSION, which names a version"
        ),
    }
    for arguments, says in rows.items():
        assert answer(capsys, *arguments) == (2, "", f"paredown: {says}\n")
    assert aliases(uri) == {"champion": 1, "challenger": 2}


def test_a_registry_that_was_changed_by_hand(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    client, file = tracking.open_client(uri), file_of(uri, "good", 2)
    file.write_bytes(b"another")
    code, said, message = answer(capsys, "promote", CONF, "--force")
    assert (code, said) == (2, "")
    law = "paredown: VERSION: must be a version whose file is as it was registered, but good version 2: "
    assert message.startswith(law)
    assert message.endswith("model.onnx was altered since it was registered, but got 2\n")
    client.delete_registered_model_alias("good", "challenger")
    code, said, message = answer(capsys, "promote", CONF)
    assert (code, said) == (2, "")
    law = "there must be a challenger to promote where no VERSION is given, but got 'good'"
    assert message == f"paredown: {CONF}: name: {law}; nearest valid choice: paredown promote CONF 2\n"
    client.delete_registered_model_alias("good", "champion")
    code, said, message = answer(capsys, "history", CONF)
    assert (code, message) == (0, "")
    assert "no version of good is champion" in said
    client.delete_model_version("good", "2")
    code, said, message = answer(capsys, "promote", CONF, "2")
    law = "VERSION: must be a version of good that the registry holds, but got 2; nearest valid choice: 1"
    assert (code, said, message) == (2, "", f"paredown: {law}\n")


def test_nothing_is_registered(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(CONF).write_text(yaml.safe_dump(RECIPE))
    says = "name: there must be a registered model of this name, but none is registered, but got 'good'"
    for command in ("history", "promote", "rollback"):
        assert answer(capsys, command, CONF) == (2, "", f"paredown: {CONF}: {says}\n")
