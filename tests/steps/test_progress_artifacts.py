"""Progress artifacts: what Prefect's UI shows of a step's epochs."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.core import MetricSpec, Update
from tasks.steps import progress_artifacts
from tasks.steps.progress_artifacts import ProgressArtifact, description_of
from tasks.training.train import report_epochs


def test_each_epoch_tells_the_best_so_far() -> None:
    from tasks.kernels.training.learning_curve import Epoch

    heard: list[Update] = []
    for metric, best in (("accuracy", "best 0.9000"), ("rmse", "best 0.5000")):
        heard.clear()
        on_epoch = report_epochs(heard.append, 3, MetricSpec(metric))
        for number, score in enumerate((0.5, 0.9, 0.7), start=1):
            on_epoch(Epoch(number, 1.0, 1.0, score, 0.1, 1.0))
        assert [(update.done, update.total) for update in heard] == [(1, 3), (2, 3), (3, 3)]
        assert [update.score for update in heard] == [0.5, 0.9, 0.7]
        assert best in heard[-1].note


def test_what_prefect_shows_of_a_search_is_a_table() -> None:
    assert description_of("train", Update(1, 3, "best 0.9")) == "train: best 0.9"
    assert description_of("search", Update(7, 16, "best 0.9", {"trials done": "7 of 16", "best so far": "0.9"})) == (
        "search\n\n| | |\n|---|---|\n| trials done | 7 of 16 |\n| best so far | 0.9 |\n"
    )


def test_shown_outside_a_run_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(**_: Any) -> None:
        pytest.fail("there is no task run to show it in")

    monkeypatch.setattr(progress_artifacts, "create_progress_artifact", create)
    ProgressArtifact("work")(Update(1, 1))
