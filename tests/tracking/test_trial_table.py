"""Trial tables on a real SQLite store."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from support.searches import Counting, history, many, runs_under, trial

from tasks import tracking
from tasks.tracking.searches import trial_table
from tasks.tracking.searches.trial_table import as_table, from_table, notable, record_trials, trial_curves

WEIRD = {"a b": 1.0, "größe[0]": 2.0, "../up": 3.0, "/root//x": 4.0, "n" * 300: 5.0, ".": 6.0, "ms:p95": 7.0}


def test_a_thousand_trials_cost_few_calls_and_come_back_whole(
    uri: str, search: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(uri)
    monkeypatch.setattr(trial_table, "open_client", lambda _: counting)
    trials = many(1000)
    record_trials(uri, search, trials)
    # 5 curves of 1,000 points in batches of 800; three calls for each of 20 runs.
    assert counting.calls["log_batch"] == math.ceil(5 * 1000 / 800) + 20
    assert counting.calls["create_run"] == counting.calls["set_terminated"] == 20
    assert counting.calls.total() == 70
    (past,) = tracking.past_searches(uri, "test_a_thousand_trials_cost_few_calls_and_come_back_whole", "search")
    assert past.trials == tuple(trials)
    assert history(uri, search, "trial.score") == [(each.number, each.score) for each in trials]
    assert len(runs_under(uri, search)) == 20


def test_recorded_again_with_more_nothing_is_doubled(uri: str, search: str) -> None:
    failed = trial(1, None, "failed", reason="ValueError: no")
    record_trials(uri, search, [trial(0), failed])
    record_trials(uri, search, [trial(0), failed, trial(2, 0.7, "stopped early")])
    record_trials(uri, search, [trial(0), failed, trial(2, 0.7, "stopped early")])
    runs = runs_under(uri, search)
    assert [runs[key].info.status for key in "012"] == ["FINISHED", "FAILED", "FINISHED"]
    assert runs["2"].data.params == {"train.learning_rate": "0.2"}
    assert runs["2"].data.metrics == {"score": 0.7, "score.by_epoch": 0.7, "epochs": 2.0, "seconds": 60.0}
    assert runs["2"].data.tags["paredown.state"] == "stopped early"
    assert runs["0"].info.end_time - runs["0"].info.start_time == pytest.approx(60_000, abs=5_000)
    assert history(uri, runs["2"].info.run_id, "score.by_epoch") == [(1, 0.35), (2, 0.7)]
    assert history(uri, search, "trial.score") == [(0, 0.5), (2, 0.7)]
    assert history(uri, search, "trial.epochs") == [(0, 2.0), (1, 0.0), (2, 2.0)]


@pytest.mark.parametrize("fails", [("log_batch", 2), ("log_artifacts", 1), ("create_run", 3), ("set_terminated", 2)])
def test_a_recording_that_was_killed_is_completed_by_the_next(
    uri: str, search: str, monkeypatch: pytest.MonkeyPatch, fails: tuple[str, int]
) -> None:
    trials = many(200)  # 1,000 points: two batches
    with monkeypatch.context() as patch:
        patch.setattr(trial_table, "open_client", lambda _: Counting(uri, fails))
        with pytest.raises(KeyboardInterrupt):
            record_trials(uri, search, trials)
    record_trials(uri, search, trials)
    names = ("trial.score", "trial.seconds", "trial.epochs", "measured.bytes", "point.rate")
    assert {name: len(history(uri, search, name)) for name in names} == dict.fromkeys(names, 200)
    runs = runs_under(uri, search)
    assert len(runs) == 20
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert all(len(history(uri, run.info.run_id, "score.by_epoch")) == 2 for run in runs.values())


def test_mlflow_s_pages_find_the_table_and_can_read_it(uri: str, search: str, tmp_path: Path) -> None:
    record_trials(uri, search, many(3))
    client = tracking.open_client(uri)
    assert json.loads(client.get_run(search).data.tags["mlflow.loggedArtifacts"]) == [
        {"path": "trials.json", "type": "table"}
    ]
    frame = pd.read_json(client.download_artifacts(search, "trials.json", str(tmp_path)), orient="split")
    assert frame["number"].tolist() == [0, 1, 2]
    assert json.loads(frame["point"][2]) == {"rate": 2 / 7, "kind": "sgd"}


def test_a_table_is_strict_json_whose_columns_hold_no_dots() -> None:
    trials = [trial(0, math.nan), trial(1, math.inf), trial(2, None, "failed", seconds=math.nan)]
    table = json.loads(as_table(trials), parse_constant=lambda name: pytest.fail(name))
    assert not any("." in column for column in table["columns"])
    assert [row[table["columns"].index("score")] for row in table["data"]] == [None, None, None]
    back = from_table(as_table(trials))
    assert math.isnan(back[0].curve[0][1])
    assert [each.seconds for each in back] == [60.0, 60.0, 0.0]


def test_points_of_every_type_come_back_as_they_were() -> None:
    point = {"a": None, "b": True, "c": 1, "d": 1.0, "e": "1", "f": [8, [16]], "g": {"step": "flip"}, "ü": 1e-300}
    measured = {"drop": -0.25, "worst": math.inf}
    told = trial(7, 0.25, "stopped early", point=point, measured=measured, reason='of "two" lines\n')
    (back,) = from_table(as_table([told]))
    assert back == told
    assert list(map(type, back.point.values())) == list(map(type, point.values()))


def test_only_finite_numbers_are_drawn() -> None:
    point = {"rate": 0.5, "on": True, "kind": "sgd", "layers": [1, 2], "top": math.inf}
    first = trial(0, math.nan, point=point, measured={"bytes": 7.0, "drop": math.nan})
    assert trial_curves([first, trial(1, 0.5, point={"rate": 2})]) == {
        "trial.score": [(1, 0.5)],
        "trial.seconds": [(0, 60.0), (1, 60.0)],
        "trial.epochs": [(0, 2.0), (1, 2.0)],
        "measured.bytes": [(0, 7.0)],
        "point.rate": [(0, 0.5), (1, 2.0)],
    }


def test_weird_names_and_infinite_scores_are_recorded_once(uri: str, search: str) -> None:
    trials = [trial(0, point=WEIRD, measured=WEIRD), trial(1, -math.inf), trial(2, math.nan)]
    record_trials(uri, search, trials)
    record_trials(uri, search, trials)
    held = tracking.open_client(uri).get_run(search).data.metrics
    assert len(held) == len(("score", "seconds", "epochs", "learning rate")) + 2 * len(WEIRD)
    assert all(len(history(uri, search, name)) == 1 for name in held if name.startswith("measured."))
    assert runs_under(uri, search)["0"].data.params["root/x"] == "4.0"
    bad = runs_under(uri, search)["1"].info.run_id
    assert len(history(uri, bad, "score.by_epoch")) == 2


def test_the_incumbents_come_first_and_then_the_best() -> None:
    scores = [0.1, 0.3, 0.2, None, 0.3, 0.5, 0.4, math.nan]
    trials = [trial(number, score, "failed" if score is None else "finished") for number, score in enumerate(scores)]
    numbers = {limit: [each.number for each in notable(trials, limit)] for limit in (1, 2, 3, 5, 8)}
    # The best so far were 0, 1 and 5; then come 6, and 1's equal 4.
    assert numbers == {1: [5], 2: [1, 5], 3: [0, 1, 5], 5: [0, 1, 4, 5, 6], 8: list(range(8))}
