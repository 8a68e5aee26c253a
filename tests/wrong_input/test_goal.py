"""Wrong goals: metrics, margins and limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import IMAGES, Row, check_plan

ROWS = {
    "key unknown, nothing like it": Row(
        "a.yaml: goal.zzz: is not a known key; nearest valid choice: metric, positive, quantile, at, costs, "
        "max_drop, minimize, limits, proof, tie",
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
    "a limit on groups, without groups": Row(
        "a.yaml: goal.limits.group_drop: bounds the worst of the groups that data.groups names, and there are none; "
        "nearest valid choice: data.groups: [sex]",
        recipe={"goal": {"limits": {"group_drop": 0.02}}},
    ),
    "metric unknown": Row(
        "a.yaml: goal.metric: must be one of accuracy, balanced_accuracy, f1, log_loss, roc_auc, "
        "average_precision, calibration_error, recall_at_precision, sensitivity_at_specificity, cost, mae, rmse, r2, "
        "quantile_loss, or your own as module:name, but got "
        "'acuracy'; nearest valid choice: accuracy",
        recipe={"goal": {"metric": "acuracy"}},
    ),
    "metric for regression": Row(
        "a.yaml: goal.metric: must be one of accuracy, balanced_accuracy, f1, log_loss, roc_auc, "
        "average_precision, calibration_error, recall_at_precision, sensitivity_at_specificity, cost "
        "for classification, but got "
        "'rmse'; nearest valid choice: accuracy",
        recipe={"goal": {"metric": "rmse"}},
    ),
    "positive class unknown": Row(
        "a.yaml: goal.positive: must name a class of the data, but got 'yess'; nearest valid choice: yes",
        recipe={"goal": {"metric": "f1", "positive": "yess"}},
    ),
    "positive class that YAML reads as true": Row(
        "a.yaml: goal.positive: must name a class of the data, but got 'True'; nearest valid choice: 'no', 'yes'",
        recipe={"goal": {"metric": "f1", "positive": True}},
    ),
    "positive class of a number": Row(
        "a.yaml: goal.positive: suits classes only, but the target is a number, but got 'yes'",
        recipe={
            "data": {"source": "rows.csv", "target": "a"},
            "goal": {"metric": "rmse", "positive": "yes"},
        },
    ),
    "positive class of a metric of all classes": Row(
        "a.yaml: goal.positive: suits f1, roc_auc, average_precision, recall_at_precision, sensitivity_at_specificity; "
        "goal.metric accuracy is one of all 4 classes, but got '2'",
        recipe=IMAGES | {"goal": {"positive": 2}},
    ),
    "positive class missing": Row(
        "a.yaml: goal.positive: must name the positive class of recall_at_precision, for there are 4 classes; "
        "nearest valid choice: '0', '1', '2', '3'",
        recipe=IMAGES | {"goal": {"metric": "recall_at_precision"}},
    ),
    "quantile of another metric": Row(
        "a.yaml: goal.quantile: suits only goal.metric quantile_loss",
        recipe={"goal": {"metric": "accuracy", "quantile": 0.9}},
    ),
    "quantile at its end": Row(
        "a.yaml: goal.quantile: must be below 1, but got 1; nearest valid choice: 0.5",
        recipe={"goal": {"metric": "quantile_loss", "quantile": 1}},
    ),
    "precision of another metric": Row(
        "a.yaml: goal.at: suits only goal.metric recall_at_precision and sensitivity_at_specificity",
        recipe={"goal": {"metric": "f1", "at": 0.9}},
    ),
    "costs missing": Row(
        "a.yaml: goal.costs: is required: what each answer costs, a row for each true class and a column for each "
        "answer; nearest valid choice: [[0, 1], [5, 0]]",
        recipe={"goal": {"metric": "cost"}},
    ),
    "costs not square": Row(
        "a.yaml: goal.costs: must have as many columns as rows: a row for each true class, a column for each answer, "
        "but got [[0.0, 1.0], [5.0]]; nearest valid choice: [[0, 1], [5, 0]]",
        recipe={"goal": {"metric": "cost", "costs": [[0, 1], [5]]}},
    ),
    "costs of other classes": Row(
        "a.yaml: goal.costs: must have a row and a column for each of the 2 classes, but got "
        "[[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]",
        recipe={"goal": {"metric": "cost", "costs": [[0, 1, 1], [1, 0, 1], [1, 1, 0]]}},
    ),
    "own metric that does not exist": Row(
        "a.yaml: goal.metric: must name a function of the module scores, but got 'fals'; nearest valid choice: "
        "scores:falls",
        recipe={"goal": {"metric": "scores:fals"}},
    ),
    "own metric that fails": Row(
        "a.yaml: goal.metric: fails on 12 examples (RuntimeError: no score today), but got 'scores:falls'",
        recipe={"goal": {"metric": "scores:falls"}},
    ),
    "own metric that gives no number": Row(
        "a.yaml: goal.metric: must return one number, or one for each of 12 examples, but returns a str, but got "
        "'scores:words'",
        recipe={"goal": {"metric": "scores:words"}},
    ),
    "own metric that gives too many numbers": Row(
        "a.yaml: goal.metric: must return one number, or one for each of 12 examples, but returns an array of shape "
        "(12, 2), but got 'scores:pairs'",
        recipe={"goal": {"metric": "scores:pairs"}},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)
