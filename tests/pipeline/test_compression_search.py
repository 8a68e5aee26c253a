"""The compression search: which of its trials become candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import report_data

from flows.pipeline.compression_search import (
    best_of_chains,
    found_name,
    freeze_choices,
    has_file,
    known_points,
    proof_margin,
    rank_of,
    unfinished_leader,
)
from flows.pipeline.findings import BranchResult, Stage
from tasks.compression.branch import Branch, CompressionSearch
from tasks.compression.search_space.branch_space import space_of
from tasks.core import Candidate, Goal, Step, Store
from tasks.search.results import Trial
from tasks.techniques import Int8


def trial(number: int, score: float | None, answer: dict[str, Any] | None = None) -> Trial:
    return Trial(number, {"n": number}, score, (), "stopped early", 1.0, {}, answer)


RUN_TO_ITS_END = trial(0, 0.6, {"stages": [], "rank": 0.6})
GIVEN_UP = trial(1, 0.9, {"refusal": "given up before its recovery"})


def test_a_trial_that_was_stopped_ahead_of_all_is_worth_its_end() -> None:
    stopped = [trial(2, 0.65), trial(3, 0.7), trial(4, None)]
    found = unfinished_leader([RUN_TO_ITS_END, GIVEN_UP, *stopped], 0.6)
    assert found is stopped[1], "not the one that was given up: its score is no more than a hope"


def test_what_was_stopped_behind_stays_where_it_is() -> None:
    assert unfinished_leader([RUN_TO_ITS_END, GIVEN_UP, trial(2, 0.6)], 0.6) is None
    assert unfinished_leader([], 0.0) is None
    assert unfinished_leader([trial(2, -0.1)], 0.0) is None, "beyond the goal"


def test_only_what_came_to_a_file_has_a_rank() -> None:
    assert has_file(RUN_TO_ITS_END)
    assert rank_of(RUN_TO_ITS_END) == 0.6
    assert not has_file(GIVEN_UP)
    assert not has_file(trial(2, 0.7))
    assert found_name(RUN_TO_ITS_END) == "found 1"


def test_of_the_rungs_of_a_branch_the_best_alone_is_a_result() -> None:
    def rung(number: int, share: float, epochs: int, rank: float) -> Trial:
        point = {"reduce": "blocks", "blocks.share": share, "rung": epochs}
        return Trial(number, point, rank, (), "finished", 1.0, {}, {"stages": [], "rank": rank})

    trials = [rung(0, 0.3, 1, -0.02), rung(1, 0.4, 1, -0.05), rung(2, 0.3, 3, 0.5), RUN_TO_ITS_END, GIVEN_UP]
    assert best_of_chains(trials) == [RUN_TO_ITS_END, trials[2], trials[1]]


def test_the_margin_is_what_the_proof_adds_to_the_drops_of_the_recipe_s_own_files() -> None:
    cards = {name: report_data.card(name, 0.92, drop, 0.7, 1000) for name, drop in (("a", 0.001), ("b", 0.004))}
    wide = [card.drop.estimate.high - card.drop.estimate.value for card in cards.values()]
    assert proof_margin(cards, Goal(proof="estimate")) == 0.0
    assert proof_margin(cards, Goal(proof="proven")) == pytest.approx(sum(wide) / 2)
    assert proof_margin({}, Goal(proof="likely")) == 0.0


def test_an_own_branch_is_known_wherever_the_space_has_it() -> None:
    """As a cut and a recovery of its own, and as what stands at its own end; one that was refused is not known."""
    steps = [{"step": "blocks", "share": 0.5}, {"step": "recover", "epochs": 3}, {"step": "int8"}]
    own = [Branch.model_validate({"name": name, "steps": steps}) for name in ("good", "bad", "refused")]
    space = space_of(CompressionSearch(), own, "torch", "latency", starts=["good", "bad"])
    whole, at_good, again, at_bad = known_points(own, {"good": 0.7, "bad": -0.1}, space)
    assert whole.point == again.point
    assert (whole.point["start"], whole.point["rung"]) == ("baseline", 3)
    assert [each.point["start"] for each in (at_good, at_bad)] == ["good", "bad"]
    assert [each.score for each in (whole, at_good, again, at_bad)] == [0.7, 0.7, -0.1, -0.1]
    assert [dict(each.measured) for each in (whole, at_good, again, at_bad)] == [{"ceiling": 0.7}] * 2 + [{}] * 2


def test_a_branch_keeps_the_variants_that_were_chosen_as_it_was_run(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plan = store.put_json({"variant": "u8s8", "per_channel": True, "calibration": "minmax"})
    steps = [{"step": "channels", "sparsity": 0.5}, {"step": "recover", "epochs": 1}, {"step": "int8"}]
    branch = Branch.model_validate({"name": "narrow", "steps": steps})

    def stage(label: str, made: str | None) -> Stage:
        step = Step(label, 1, {}, made, None, None)
        candidate = Candidate("narrow", "onnx", "", {}, (step,), "0" * 64)
        return Stage(label, candidate, candidate)

    stages = (stage("train", None), stage("channels", store.put_json({"cuts": []})), stage("recover", None))
    narrow, recover, int8 = freeze_choices(
        branch, [BranchResult("narrow", "candidate", (*stages, stage("int8", plan)))], store
    ).steps
    assert (narrow, recover) == branch.steps[:2]
    assert int8 == Int8(variants=("u8s8",), per_channel=True, calibration="minmax")
    refused = BranchResult("narrow", "candidate", stages, "int8: it would grow")
    assert freeze_choices(branch, [refused], store) == branch
