"""Wrong goals: metrics, margins and limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import Row, check_plan

ROWS = {
    "key unknown, nothing like it": Row(
        "a.yaml: goal.zzz: is not a known key; nearest valid choice: metric, max_drop, minimize, limits, proof, tie",
        recipe={"goal": {"zzz": 1}},
    ),
    "key unknown in goal": Row(
        "a.yaml: goal.metrc: is not a known key; nearest valid choice: metric", recipe={"goal": {"metrc": "f1"}}
    ),
    "key unknown in limits": Row(
        "a.yaml: goal.limits.byte: is not a known key; nearest valid choice: bytes",
        recipe={"goal": {"limits": {"byte": 9}}},
    ),
    "text for a number": Row(
        "a.yaml: goal.max_drop: must be a number, but got 'little'", recipe={"goal": {"max_drop": "little"}}
    ),
    "whole number at an end that is excluded": Row(
        "a.yaml: goal.limits.bytes: must be above 0, but got 0; nearest valid choice: 1",
        recipe={"goal": {"limits": {"bytes": 0}}},
    ),
    "metric unknown": Row(
        "a.yaml: goal.metric: must be one of accuracy, balanced_accuracy, f1, log_loss, roc_auc, "
        "average_precision, calibration_error, mae, rmse, r2, but got "
        "'acuracy'; nearest valid choice: accuracy",
        recipe={"goal": {"metric": "acuracy"}},
    ),
    "metric for regression": Row(
        "a.yaml: goal.metric: must be one of accuracy, balanced_accuracy, f1, log_loss, roc_auc, "
        "average_precision, calibration_error for classification, but got "
        "'rmse'; nearest valid choice: accuracy",
        recipe={"goal": {"metric": "rmse"}},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)
