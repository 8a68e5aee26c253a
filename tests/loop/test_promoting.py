"""Promoting by hand: the challenger or a version by its number, with what the gate said and what was forced."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.registered import register_versions

from flows.loop.releases.going_back import BY_HAND, go_back
from flows.loop.releases.promoting import promote_by_hand
from flows.loop.releases.version_evidence import evidence_text
from flows.loop.releases.version_history import history_of, version_rows
from flows.results.gate.challenge import VERDICT
from tasks import tracking
from tasks.core import InputError
from tasks.monitoring.monitor_spec import MonitorSpec
from tasks.tracking.registry import LEARNED, PROMOTED, REASON
from tasks.tracking.version_files import file_of
from tasks.tracking.versions import mark


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('home')}/mlflow.db"


def test_the_challenger_that_passed_is_promoted_and_taken_back(uri: str) -> None:
    register_versions(uri, "passed", 3)
    mark(uri, "passed", 3, {VERDICT: "promote", REASON: "proven smaller"})
    found = promote_by_hand(uri, "passed", None, force=False)
    assert (found.champion.version, found.champion.aliases) == (3, ("champion",))
    assert found.champion.reason == "promoted by hand; known before: proven smaller"
    assert found.before is not None
    assert found.before.version == 1
    assert "| score | accuracy 0.93 | accuracy 0.91 |" in evidence_text(found.champion, found.before)
    rows = version_rows(history_of(uri, "passed"))
    assert [(row["version"], row["aliases"], row["score"]) for row in rows] == [
        (3, ["champion"], "accuracy 0.93"),
        (2, [], "accuracy 0.92"),
        (1, ["previous"], "accuracy 0.91"),
    ]
    assert rows[0]["since"] == found.champion.tags[PROMOTED]
    back = go_back(uri, "passed", BY_HAND)
    assert (back.champion.version, back.before and back.before.version) == (1, 3)
    again = promote_by_hand(uri, "passed", 3, force=False)
    assert again.champion.version == 3, "what was champion before may become it again"


def test_what_never_passed_a_gate_is_forced_and_that_is_written_down(uri: str) -> None:
    register_versions(uri, "forced", 2)
    mark(uri, "forced", 2, {VERDICT: "not proven", REASON: "about 900 rows would"})
    law = r"must be a version that passed the gate \(about 900 rows would\), but got 2; nearest valid choice: --force"
    with pytest.raises(InputError, match=law):
        promote_by_hand(uri, "forced", None, force=False)
    reason = promote_by_hand(uri, "forced", None, force=True).champion.reason
    assert reason == "promoted by hand with --force, for it never passed a gate; known before: about 900 rows would"


def test_a_rollback_is_posted(uri: str) -> None:
    register_versions(uri, "posted", 2)
    promote_by_hand(uri, "posted", None, force=True)
    found = go_back(uri, "posted", "it hurts", MonitorSpec(notify="http://127.0.0.1:9/hook"))
    assert found.champion.version == 1, "whoever cannot be told does not stop it"
    assert found.note.startswith("monitor.notify: 127.0.0.1 could not be told (")
    assert found.champion.reason == "it hurts"


def test_a_promotion_that_was_cut_short_is_completed(uri: str) -> None:
    register_versions(uri, "short", 2)
    mark(uri, "short", 2, {VERDICT: "promote"})
    client = tracking.open_client(uri)
    client.set_registered_model_alias("short", "previous", "1")
    client.set_registered_model_alias("short", "champion", "2")
    found = promote_by_hand(uri, "short", None, force=False)
    assert (found.champion.aliases, found.before) == (("champion",), None)
    assert go_back(uri, "short", BY_HAND).champion.version == 1


def test_what_cannot_be_promoted(uri: str, tmp_path: Path) -> None:
    register_versions(uri, "wrong", 3)
    with pytest.raises(InputError, match="must be another version than the champion, but got 1"):
        promote_by_hand(uri, "wrong", 1, force=True)
    with pytest.raises(InputError, match="must be a version of wrong that the registry holds, but got 7"):
        promote_by_hand(uri, "wrong", 7, force=True)
    mark(uri, "wrong", 2, {LEARNED: "false"})
    with pytest.raises(InputError, match="whose baseline is better than a constant answer"):
        promote_by_hand(uri, "wrong", 2, force=True)
    file_of(uri, "wrong", 3).write_bytes(b"another")
    with pytest.raises(InputError, match=r"whose file is as it was registered, but wrong version 3: .* was altered"):
        promote_by_hand(uri, "wrong", None, force=True)
    tracking.open_client(uri).delete_registered_model_alias("wrong", "challenger")
    with pytest.raises(InputError, match=r"must be a challenger .* nearest valid choice: paredown promote CONF 3"):
        promote_by_hand(uri, "wrong", None, force=False)
    with pytest.raises(InputError, match="must be a previous champion"):
        go_back(uri, "wrong", BY_HAND)
    left = tracking.open_client(uri).get_registered_model("wrong").aliases
    assert {alias: int(number) for alias, number in left.items()} == {"champion": 1}
