"""Passwords: from the environment alone, and into no file."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest

from flows.services.safety import passwords
from flows.services.safety.passwords import Credentials, check_opening, read_credentials, write_auth_config
from tasks.core import InputError

SECRET = "twelve chars: %s"


def test_one_password_is_that_of_all_servers(tmp_path: Path) -> None:
    assert read_credentials({}) is None
    found = read_credentials({"PAREDOWN_PASSWORD": SECRET})
    assert found == Credentials("paredown", SECRET)
    assert SECRET not in repr(found)
    assert found.for_clients() == {
        "PREFECT_API_AUTH_STRING": f"paredown:{SECRET}",
        "MLFLOW_TRACKING_USERNAME": "paredown",
        "MLFLOW_TRACKING_PASSWORD": SECRET,
    }
    told = found.for_servers(tmp_path / "it.ini")
    assert told["PREFECT_SERVER_API_AUTH_STRING"] == found.for_clients()["PREFECT_API_AUTH_STRING"]
    assert told["MLFLOW_AUTH_ADMIN_PASSWORD"] == SECRET
    assert len(told["MLFLOW_FLASK_SERVER_SECRET_KEY"]) == 64


def test_a_loopback_address_needs_none() -> None:
    assert check_opening("127.0.0.1", {}) is None
    assert check_opening("localhost", {"PAREDOWN_PASSWORD": "short"}) is None


def test_a_message_never_repeats_a_password() -> None:
    with pytest.raises(InputError) as caught:
        read_credentials({"PAREDOWN_PASSWORD": "short"})
    assert str(caught.value) == "PAREDOWN_PASSWORD: must be a password of at least 12 characters"


def test_an_open_address_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    host = passwords._outer_address()
    if host is None:
        pytest.skip("this machine is on no network")
    with pytest.raises(InputError, match="PAREDOWN_PASSWORD: must be in the environment when --host opens"):
        check_opening(host, {})


def test_mlflow_gets_its_settings_without_the_password_and_a_new_one_begins_anew(tmp_path: Path) -> None:
    config = write_auth_config(tmp_path, Credentials("ann", SECRET))
    read = ConfigParser()
    read.read(config)
    database = tmp_path / "mlflow-auth.db"
    assert read["mlflow"]["database_uri"] == f"sqlite:///{database}"
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["mlflow-auth.db", "mlflow-auth.ini", "mlflow-auth.scrypt"]
    assert all(file.stat().st_mode & 0o777 == 0o600 and SECRET not in file.read_text() for file in files)

    database.write_text("users of before")
    write_auth_config(tmp_path, Credentials("ann", SECRET))
    assert database.read_text() == "users of before"
    write_auth_config(tmp_path, Credentials("ann", SECRET + "!"))
    assert database.read_text() == ""
