"""Warm starts: what earlier searches give a later one, decided on plain records, and read from a real SQLite store."""

from __future__ import annotations

import dataclasses
import math
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from tasks import tracking
from tasks.search.domains import Choice, Integers, LogUniform, Uniform
from tasks.search.results import KnownTrial, Trial
from tasks.search.space import Space
from tasks.tracking import PastSearch, WarmStart, past_searches, warm
from tasks.tracking.searches.live_recorder import SearchRun
from tasks.tracking.searches.warm_start import MOST_KNOWN

SPACE: Space = {"rate": LogUniform(loguniform=(1e-4, 1e-1)), "kind": Choice(choice=("sgd", "adam"))}
VALUES: tuple[Any, ...] = (None, True, 1, 1.5, "1", [8, [16]], {"step": "flip", "p": 0.5})


def point(rate: float, kind: str = "sgd") -> dict[str, Any]:
    return {"rate": rate, "kind": kind}


def past(identity: str, *points: tuple[dict[str, Any], float | None], state: Any = "finished") -> PastSearch:
    trials = (Trial(number, where, score, (), state, 1.0) for number, (where, score) in enumerate(points))
    return PastSearch(identity, tuple(trials))


# --- the decision ---------------------------------------------------------------------------------------------


def test_without_a_past_a_search_starts_cold() -> None:
    assert warm((), "a", SPACE) == WarmStart() == WarmStart(known=(), first=())


def test_the_finished_trials_of_the_same_search_are_known() -> None:
    one, two = (point(0.01), 0.8), (point(0.02, "adam"), 0.7)
    assert warm([past("a", one, two)], "a", SPACE) == WarmStart(known=(KnownTrial(*one), KnownTrial(*two)))


@pytest.mark.parametrize(
    ("changed", "state"),
    [((point(0.01), 0.9), "stopped early"), ((point(0.01), None), "failed"), ((point(0.01), math.nan), "finished")],
)
def test_what_cannot_be_compared_is_not_known(changed: tuple[dict[str, Any], float | None], state: str) -> None:
    assert warm([past("a", changed, state=state)], "a", SPACE) == WarmStart()


def test_what_a_trial_measured_is_known_with_it() -> None:
    trial = Trial(0, point(0.01), 0.8, (), "finished", 1.0, {"latency_ms": 0.5})
    assert warm([PastSearch("a", (trial,))], "a", SPACE).known == (KnownTrial(point(0.01), 0.8, {"latency_ms": 0.5}),)


def test_trials_outside_a_changed_space_are_not_known() -> None:
    wider = SPACE | {"rate": LogUniform(loguniform=(1e-5, 1.0))}
    inside, outside, other = (point(0.01), 0.8), (point(0.5), 0.9), (point(0.01) | {"depth": 3}, 0.9)
    before = [past("a", inside, outside, other)]
    assert warm(before, "a", SPACE).known == (KnownTrial(*inside),)
    assert warm(before, "a", wider).known == (KnownTrial(*inside), KnownTrial(*outside))
    assert warm(before, "a", SPACE | {"depth": Integers(integers=(1, 4))}).known == (KnownTrial(*other),)


def test_a_point_that_was_tried_twice_has_its_latest_score() -> None:
    latest, earlier = past("a", (point(0.01), 0.8)), past("a", (point(0.01), 0.3), (point(0.02), 0.4))
    assert set(map(str, warm([latest, earlier], "a", SPACE).known)) == {
        str(KnownTrial(point(0.01), 0.8)), str(KnownTrial(point(0.02), 0.4))
    }  # fmt: skip


def test_no_more_is_known_than_an_algorithm_can_use() -> None:
    trials = [(point(0.01 + number * 1e-6), 0.5) for number in range(MOST_KNOWN)]
    latest, earlier = past("a", (point(0.05), 0.9)), past("a", *trials)
    known = warm([latest, earlier], "a", SPACE).known
    assert len(known) == MOST_KNOWN
    assert known[0] == KnownTrial(point(0.05), 0.9), "the latest search is not cut off"


def test_the_best_points_on_other_data_are_tried_first() -> None:
    trials = [(point(0.01), 0.1), (point(0.02), 0.4), (point(0.03), 0.3), (point(0.02), 0.2), (point(9.0), 0.9)]
    assert warm([past("b", *trials)], "a", SPACE, limit=2) == WarmStart(first=(point(0.02), point(0.03)))
    assert warm([past("b", *trials)], "a", SPACE, limit=9).first == (point(0.02), point(0.03), point(0.01))


def test_a_path_that_is_new_to_the_space_gets_the_recipe_s_own_value() -> None:
    space = SPACE | {"depth": Integers(integers=(1, 4)), "beta": Uniform(uniform=(0, 1), when={"kind": "adam"})}
    before, own = [past("a", (point(0.01), 0.1), (point(0.02, "adam"), 0.2))], {"rate": 0.05, "depth": 3, "beta": 0.9}
    completed = (point(0.02, "adam") | {"depth": 3, "beta": 0.9}, point(0.01) | {"depth": 3})
    assert warm(before, "a", space, own) == WarmStart(first=completed), "another space: scores are not known"
    assert warm(before, "a", space) == WarmStart()
    assert warm(before, "b", {"rate": SPACE["rate"]}, own) == WarmStart(), "a path that is gone from the space"


def test_scores_on_different_data_are_not_mixed() -> None:
    latest, earlier = past("c", (point(0.01), 0.1)), past("b", (point(0.02), 0.9))
    assert warm([latest, earlier], "a", SPACE).first == (point(0.01),)
    assert warm([past("c", (point(9.0), 0.1)), earlier], "a", SPACE).first == (point(0.02),)


def test_what_is_known_needs_no_first_points() -> None:
    other, same = past("b", (point(0.02), 0.9)), past("a", (point(0.01), 0.1))
    assert warm([other, same], "a", SPACE) == WarmStart(known=(KnownTrial(point(0.01), 0.1),))


def test_searches_without_an_identity_are_never_the_same() -> None:
    assert warm([past("", (point(0.01), 0.5))], "", SPACE) == WarmStart(first=(point(0.01),))


def test_a_conditional_path_counts_where_it_applies() -> None:
    space = {"kind": SPACE["kind"], "momentum": Uniform(uniform=(0, 1), when={"kind": "sgd"})}
    whole, bare, wrong = {"kind": "sgd", "momentum": 0.9}, {"kind": "adam"}, {"kind": "adam", "momentum": 0.9}
    known = warm([past("a", (whole, 0.5), (bare, 0.5), (wrong, 0.5), ({"kind": "sgd"}, 0.5))], "a", space).known
    assert [each.point for each in known] == [whole, bare]


@pytest.mark.parametrize("value", VALUES)
def test_values_of_every_type_are_known_again(value: Any) -> None:
    from tasks.tracking.searches.trial_table import as_table, from_table

    trials = from_table(as_table(past("a", ({"x": value}, 0.5)).trials))
    assert warm([PastSearch("a", trials)], "a", {"x": Choice(choice=(value,))}).known == (
        KnownTrial({"x": value}, 0.5),
    )
    others = {"x": Choice(choice=tuple(each for each in VALUES if each is not value))}
    assert warm([PastSearch("a", trials)], "a", others) == WarmStart()


# --- the store ------------------------------------------------------------------------------------------------


def searched(uri: str, experiment: str, key: str, *points: tuple[dict[str, Any], float], identity: str = "a") -> str:
    parent = tracking.open_run(uri, experiment, "flow", key, {}, {})
    content = tracking.RunContent(tags={"paredown.role": "search", tracking.IDENTITY: identity})
    run = tracking.record_child(uri, parent, "search", "search", content)
    tracking.record_trials(uri, run, past(identity, *points).trials)
    return run


def test_searches_come_back_the_latest_first(uri: str) -> None:
    searched(uri, "past", "1", (point(0.01), 0.8), identity="a")
    latest = searched(uri, "past", "2", (point(0.02), 0.7), identity="b")
    assert past_searches(uri, "past", "search") == (past("b", (point(0.02), 0.7)), past("a", (point(0.01), 0.8)))
    assert past_searches(uri, "past", "compression search") == ()
    tracking.open_client(uri).delete_run(latest)
    assert past_searches(uri, "past", "search") == (past("a", (point(0.01), 0.8)),)


def test_a_search_whose_table_is_gone_or_another_s_is_left_out(uri: str) -> None:
    kept = past("a", (point(0.01), 0.8))
    searched(uri, "damaged", "0", (point(0.01), 0.8))
    for key, damage in (("1", ""), ("2", "{"), ("3", '{"columns": ["number"], "data": [[1]]}'), ("4", "[]")):
        run = searched(uri, "damaged", key, (point(0.01), 0.8))
        folder = url2pathname(urlsplit(tracking.open_client(uri).get_run(run).info.artifact_uri).path)
        table = Path(folder, tracking.TABLE)
        table.write_text(damage) if damage else table.unlink()
    assert past_searches(uri, "damaged", "search") == (kept,)


def test_a_search_whose_recording_was_cut_short_is_left_out(uri: str, search: str, parent: str) -> None:
    experiment = tracking.open_client(uri).get_run(search).info.experiment_id
    assert past_searches(uri, tracking.open_client(uri).get_experiment(experiment).name, "search") == ()


def test_what_a_killed_search_had_finished_is_known_to_others_but_not_to_itself(uri: str) -> None:
    parent = tracking.open_run(uri, "killed", "flow", "1", {}, {})
    trials = past("a", (point(0.01), 0.8)).trials + past("a", (point(0.02), 0.9), state="stopped early").trials
    SearchRun(uri, parent, "search", "a").add(dataclasses.replace(each, number=n) for n, each in enumerate(trials))
    found = past_searches(uri, "killed", "search")
    assert warm(found, "a", SPACE) == WarmStart(known=(KnownTrial(point(0.01), 0.8),))
    assert past_searches(uri, "killed", "search", but="another flow's run") == found
    assert past_searches(uri, "killed", "search", but=parent) == (), "it goes on, and has this from its own journal"


def test_a_search_that_was_killed_before_a_trial_ended_is_no_past(uri: str) -> None:
    SearchRun(uri, tracking.open_run(uri, "at once", "flow", "1", {}, {}), "search", "a").add(())
    assert past_searches(uri, "at once", "search") == ()


def test_only_the_latest_searches_are_asked(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.tracking.searches.warm_start.SEARCHES", 2)
    for number in range(3):
        searched(uri, "often", str(number), (point(0.01), float(number)))
    assert [search.trials[0].score for search in past_searches(uri, "often", "search")] == [2.0, 1.0]


def test_an_experiment_that_is_not_there_or_was_deleted_is_no_past(uri: str) -> None:
    assert past_searches(uri, "never", "search") == ()
    searched(uri, "forgotten", "1", (point(0.01), 0.8))
    client = tracking.open_client(uri)
    client.delete_experiment(client.get_experiment_by_name("forgotten").experiment_id)
    assert past_searches(uri, "forgotten", "search") == ()


def test_asking_makes_no_database(tmp_path: Path) -> None:
    assert past_searches(f"sqlite:///{tmp_path}/mlflow.db", "never", "search") == ()
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_down_or_silent_is_no_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.tracking.client.PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        answers: list[tuple[PastSearch, ...]] = []
        asking = threading.Thread(
            target=lambda: answers.append(past_searches(f"http://user:secret@127.0.0.1:{port}/", "any", "search")),
            daemon=True,
        )
        asking.start()
        asking.join(60)
    assert answers == [()]
    assert past_searches(f"http://127.0.0.1:{port}", "any", "search") == ()
