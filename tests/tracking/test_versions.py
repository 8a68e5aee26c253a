"""Versions: promotion, rollback, and what is left when a process is killed in between, in a real SQLite store."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.registered import register_versions

from tasks import tracking
from tasks.core import InputError, Refusal, digest_of
from tasks.tracking.registered_recipe import attach_recipe, recipe_of
from tasks.tracking.registered_reference import attach_reference, cut_of, reference_of
from tasks.tracking.registry import PROMOTED, REASON
from tasks.tracking.version_files import attach_text, attached_text, file_of
from tasks.tracking.versions import ROLLED_BACK, mark, promote_version, roll_back, versions_of


def aliases(uri: str, name: str) -> dict[str, int]:
    found = tracking.open_client(uri).get_registered_model(name).aliases
    return {alias: int(number) for alias, number in found.items()}


def test_a_promotion_and_a_rollback(uri: str) -> None:
    register_versions(uri, "flip", 3)
    assert aliases(uri, "flip") == {"champion": 1, "challenger": 3}
    third, second, first = versions_of(uri, "flip")
    assert [each.version for each in (third, second, first)] == [3, 2, 1]
    assert [each.aliases for each in (third, second, first)] == [("challenger",), (), ("champion",)]
    assert (first.reason, first.candidate) == ("there was no champion", "candidate 1")
    assert first.tags[PROMOTED] >= first.created, "ISO 8601, which sorts by time"
    promoted = promote_version(uri, "flip", 3, "it is smaller")
    assert (promoted.version, promoted.aliases, promoted.reason) == (3, ("champion",), "it is smaller")
    assert aliases(uri, "flip") == {"champion": 3, "previous": 1}
    promote_version(uri, "flip", 2, "just so")
    assert aliases(uri, "flip") == {"champion": 2, "previous": 3}
    back = roll_back(uri, "flip", "it hurts")
    assert (back.version, back.aliases, back.reason) == (3, ("champion",), "it hurts")
    assert aliases(uri, "flip") == {"champion": 3}
    taken = versions_of(uri, "flip")[1]
    assert (taken.version, taken.reason) == (2, "it hurts")
    assert taken.tags[ROLLED_BACK] == back.tags[PROMOTED]
    with pytest.raises(InputError, match="there must be a previous champion to go back to"):
        roll_back(uri, "flip", "again")
    assert aliases(uri, "flip") == {"champion": 3}


CUT_SHORT = """
import os, sys
from mlflow.tracking import MlflowClient
from tasks.tracking.versions import promote_version, roll_back
uri, verb, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
def counted(call):
    def act(*args, **kwargs):
        global calls
        if calls == 0:
            os._exit(9)
        calls -= 1
        return call(*args, **kwargs)
    return act
for name in ("set_registered_model_alias", "delete_registered_model_alias", "set_model_version_tag"):
    setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))
promote_version(uri, verb, 2, "new") if verb == "killed" else roll_back(uri, verb, "bad")
"""


def run_cut_short(uri: str, name: str, calls: int) -> int:
    """A process of its own that dies before the call to the registry after so many."""
    command = [sys.executable, "-c", CUT_SHORT, uri, name, str(calls)]
    return subprocess.run(command, env={**os.environ}, check=False).returncode


def test_a_promotion_that_is_killed_between_its_calls_is_completed_by_the_next(uri: str) -> None:
    register_versions(uri, "killed", 2)
    states = []
    for calls in (1, 2, 1):
        assert run_cut_short(uri, "killed", calls) == 9
        states.append(aliases(uri, "killed"))
    assert states == [
        {"champion": 1, "challenger": 2, "previous": 1},  # nothing promoted: a rollback finds no other
        {"champion": 2, "challenger": 2, "previous": 1},  # promoted; why is not written yet
        {"champion": 2, "challenger": 2, "previous": 1},  # since when is not written yet
    ]
    assert promote_version(uri, "killed", 2, "new").aliases == ("champion",)
    assert aliases(uri, "killed") == {"champion": 2, "previous": 1}
    assert [each.reason for each in versions_of(uri, "killed")] == ["new", "there was no champion"]


def test_a_rollback_that_is_killed_after_its_first_call_is_a_rollback(uri: str) -> None:
    register_versions(uri, "back", 2)
    promote_version(uri, "back", 2, "new")
    assert run_cut_short(uri, "back", 1) == 9
    assert aliases(uri, "back") == {"champion": 1, "previous": 1}
    with pytest.raises(InputError, match="names the champion itself as the previous one"):
        roll_back(uri, "back", "again")


def test_a_registry_that_was_changed_by_hand(uri: str) -> None:
    register_versions(uri, "hand", 3)
    client = tracking.open_client(uri)
    promote_version(uri, "hand", 2, "new")
    client.delete_model_version("hand", "1")
    assert [(each.version, each.aliases) for each in versions_of(uri, "hand")] == [
        (3, ("challenger",)),
        (2, ("champion",)),
    ]
    with pytest.raises(InputError, match=r"must be a version of hand .* but got 1; nearest valid choice: 2, 3"):
        promote_version(uri, "hand", 1, "gone")
    with pytest.raises(InputError, match="a previous champion"):
        roll_back(uri, "hand", "gone")
    client.delete_registered_model_alias("hand", "champion")
    assert promote_version(uri, "hand", 3, "none").aliases == ("champion",)
    assert aliases(uri, "hand") == {"champion": 3}
    file = file_of(uri, "hand", 3)
    file.write_bytes(b"another")
    with pytest.raises(Refusal, match=r"hand version 3: .* was altered since it was registered"):
        file_of(uri, "hand", 3)
    file.unlink()
    with pytest.raises(Refusal, match="hand version 3: its file is gone from the registry"):
        file_of(uri, "hand", 3)
    with pytest.raises(InputError, match="there must be a registered model of this name"):
        versions_of(uri, "no such name at all")


def test_the_settled_recipe_lies_beside_its_version(uri: str) -> None:
    first, second = register_versions(uri, "recipes", 2)
    text = "name: recipes\ndata: {source: größe.csv}\n"
    attach_recipe(uri, first, text)
    assert recipe_of(uri, "recipes") == text
    assert versions_of(uri, "recipes")[1].recipe_digest == digest_of(text.encode())
    with pytest.raises(InputError, match="the challenger must have its settled recipe beside it, and version 2"):
        recipe_of(uri, "recipes", "challenger")
    with pytest.raises(InputError, match="must have a previous"):
        recipe_of(uri, "recipes", "previous")
    attach_text(uri, "recipes", second.version, "note.txt", "paredown.note", "one")
    attach_text(uri, "recipes", second.version, "note.txt", "paredown.note", "two")
    assert attached_text(uri, "recipes", 2, "note.txt", "paredown.note") == "two"
    file_of(uri, "recipes", 2).with_name("note.txt").write_text("three")
    with pytest.raises(Refusal, match=r"recipes version 2: note\.txt was altered"):
        attached_text(uri, "recipes", 2, "note.txt", "paredown.note")
    file_of(uri, "recipes", 2).with_name("note.txt").unlink()
    with pytest.raises(Refusal, match=r"recipes version 2: note\.txt is gone"):
        attached_text(uri, "recipes", 2, "note.txt", "paredown.note")


def test_the_cut_product_lies_beside_its_reference(uri: str) -> None:
    first, second = register_versions(uri, "pictures", 2)
    attach_reference(uri, first, {"columns": []}, b"cut")
    attach_reference(uri, second, {"columns": []})
    assert cut_of(uri, "pictures", 1) == b"cut"
    assert cut_of(uri, "pictures", 2) is None
    assert reference_of(uri, "pictures", 2) == {"columns": []}
    file_of(uri, "pictures", 1).with_name("features.onnx").write_bytes(b"other")
    with pytest.raises(Refusal, match=r"pictures version 1: features\.onnx was altered"):
        cut_of(uri, "pictures", 1)


def test_marks_replace_each_other(uri: str) -> None:
    register_versions(uri, "marks", 1)
    mark(uri, "marks", 1, {REASON: "a", "own": "b"})
    mark(uri, "marks", 1, {REASON: "c"})
    [record] = versions_of(uri, "marks")
    assert (record.reason, record.tags["own"]) == ("c", "b")
