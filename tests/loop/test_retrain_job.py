"""Retrain job: new rows, the champion's branch, and the gate, on a small table with one simple model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import runs
from support.churn_table import churn_table
from support.short_timing import short_timing

from flows.loop.retrain_job import champion_baseline, plan_retrain, run_retrain
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from flows.results.gate.challenge import COMPARISON, VERDICT
from flows.results.outcome import Outcome
from flows.results.run_job import run_job
from tasks.core import InputError, Workspace
from tasks.tracking.versions import VersionRecord, versions_of

pytestmark = pytest.mark.e2e

NETWORK_OF_DIGITS: dict[str, Any] = {
    "name": "digits",
    "data": {"source": "sklearn:digits"},
    "preprocess": [{"step": "none"}],
    "train": {"epochs": 1, "learning_rate": 0.01},
    "compress": {"branches": [{"name": "half", "steps": [{"step": "fp16"}]}]},
    "goal": {"max_drop": 0.05},
}


@dataclass(frozen=True)
class Site:
    """A home with a first champion, and tables of old and new customers."""

    home: Path
    workspace: Workspace
    runner: runs.Remembering
    first: Outcome

    def recipe(self, **changes: Any) -> Recipe:
        data = {"source": str(self.home / "old.csv"), "target": "churned", "id": "customer"}
        content: dict[str, Any] = {
            "name": "churn",
            "data": data,
            "model": {"family": "linear"},
            "compress": {"branches": [{"name": "clean", "steps": [{"step": "clean"}]}]},
            "goal": {"metric": "log_loss", "max_drop": 0.05, "minimize": "bytes"},
        }
        return validate_recipe({**content, **changes})

    def retrain(self, file: str, **changes: Any) -> Outcome:
        replay = plan_retrain(self.recipe(**changes), str(self.home / file), self.workspace)
        return run_retrain(replay, self.workspace, self.runner)

    def versions(self) -> tuple[VersionRecord, ...]:
        return versions_of(self.workspace.tracking_uri, "churn")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("loop")
    old = churn_table(300, 0)  # of those who called, many left who later stay
    left = (old["support-calls"] >= 1) & (old["plan"] != "two years") & (old.index % 5 < 2)
    old.assign(churned=np.where(left, "yes", old["churned"])).to_csv(home / "old.csv", index=False)
    churn_table(1500, 1).to_csv(home / "new.csv", index=False)
    workspace, runner = runs.workspace(home), runs.Remembering()
    with short_timing():
        begun = Site(home, workspace, runner, None)  # type: ignore[arg-type]
        yield Site(home, workspace, runner, run_job(begun.recipe(), workspace, runner))


def test_the_first_version_is_champion_and_no_gate_is_asked(site: Site) -> None:
    assert site.first.version.alias == "champion"
    assert site.first.promotion is None
    [only] = site.versions()
    assert COMPARISON not in only.tags


def test_what_learned_from_more_rows_is_promoted_with_its_reason(site: Site) -> None:
    outcome = site.retrain("new.csv", retrain={"holdout": 0.5})
    assert outcome.promotion is not None
    assert (outcome.promotion.verdict, outcome.exit_code) == ("promote", 0), outcome.promotion.reason
    newest, oldest = site.versions()
    assert (newest.aliases, oldest.aliases) == (("champion",), ("previous",))
    assert newest.reason == outcome.promotion.reason
    assert newest.reason.startswith("promoted: proven better: loss -")
    assert "on 750 rows, margin 0.05" in newest.reason
    assert "drawn at random out of them, for the split is by no time, were held out (0.5)" in newest.reason
    assert (newest.tags[COMPARISON], newest.tags[VERDICT]) == ("1", "promote")
    assert outcome.report.notes[0] == f"The gate: {newest.reason}."


def test_the_same_again_is_the_champion_s_own_file(site: Site) -> None:
    outcome = site.retrain("new.csv", retrain={"holdout": 0.5})
    assert outcome.promotion is not None
    assert outcome.promotion.reason == "the champion stays: the new file is the champion's own"
    assert outcome.exit_code == 3


def test_few_new_rows_prove_nothing_and_the_look_counts_once(site: Site) -> None:
    churn_table(60, 2).to_csv(site.home / "few.csv", index=False)
    first, again = (site.retrain("few.csv", retrain={"data": "replace"}) for _ in range(2))
    assert first.promotion is not None
    assert (first.promotion.verdict == "promote", first.exit_code) == (False, 3)
    assert first.promotion == again.promotion
    newest, *others = site.versions()
    assert newest.aliases == ("challenger",)
    assert newest.tags[COMPARISON] == "2"
    assert others[0].aliases == ("champion",)


def test_a_later_optimize_goes_through_the_gate(site: Site) -> None:
    outcome = run_job(site.recipe(model={"family": "linear", "arguments": {"C": 0.001}}), site.workspace, site.runner)
    assert outcome.promotion is not None
    assert outcome.exit_code == site.first.exit_code, "that of the goal, whatever the gate says"
    assert site.versions()[0].tags[COMPARISON] == "3"


def test_bad_input_is_one_message(site: Site) -> None:
    with pytest.raises(InputError, match="there must be a registered model of this name"):
        plan_retrain(site.recipe(name="unknown"), None, site.workspace)
    frame = churn_table(60, 3)
    frame.drop(columns="months").to_csv(site.home / "narrow.csv", index=False)
    with pytest.raises(InputError, match=r"^--data: .*narrow\.csv must have the column 'months'"):
        site.retrain("narrow.csv")
    frame.assign(churned="perhaps").to_csv(site.home / "others.csv", index=False)
    with pytest.raises(InputError, match=r"^--data: classes of the added part must be among those of train"):
        site.retrain("others.csv")
    with pytest.raises(InputError, match=r"^--data: must be a file or folder that exists"):
        site.retrain("nowhere.csv")


def test_a_network_of_weights_is_trained_further_from_the_champion_s_own_baseline(tmp_path: Path) -> None:
    workspace, runner = runs.workspace(tmp_path), runs.Remembering()
    model = {"factory": "tasks.architectures:convnet", "arguments": {"width": 4, "depth": 2}}
    content = {**NETWORK_OF_DIGITS, "model": model}
    with short_timing():
        trained = run_job(validate_recipe({**content, "name": "teacher"}), workspace, runner)
        state = workspace.store.get_state(trained.findings.results[0].stages[0].model.content)
        torch.save(state, tmp_path / "given.pt")
        recipe = validate_recipe({**content, "model": {**model, "weights": str(tmp_path / "given.pt")}})
        first = run_job(recipe, workspace, runner)
        loaded = first.findings.results[0].stages[0].model
        outcome = run_retrain(plan_retrain(recipe, None, workspace), workspace, runner)
        tuned = outcome.findings.results[0].stages[0].model
        assert [step.technique for step in tuned.lineage] == ["load", "fine_tune"]
        assert tuned.lineage[0].knobs["weights"] == loaded.content, "a file is named by the digest of its content"
        assert "trained further from the champion's own baseline" in str(outcome.promotion)
        kept = champion_baseline("digits", workspace)
        assert kept is not None
        assert kept.name == (tuned if outcome.exit_code == 0 else loaded).content
        kept.unlink()
        replay = plan_retrain(recipe, None, workspace)
    assert replay.recipe.model.weights == str(tmp_path / "given.pt")
    assert "champion's own baseline is not in this store" in replay.note
