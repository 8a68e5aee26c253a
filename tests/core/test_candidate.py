"""A candidate's identity: everything in it except its name, the same in every process."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from tasks.core import Candidate, Step, digest_of

TRAIN = Step("train", 1, {"epochs": 3}, plan=None, record="r" * 64, parent=None)
CUT = Step("channels", 2, {"sparsity": 0.5}, plan="p" * 64, record=None, parent="b" * 64)
BASELINE = Candidate("baseline", "torch", "tasks.architectures:mlp", {"outputs": 10}, (TRAIN,), "c" * 64)


def test_the_name_is_not_part_of_the_digest() -> None:
    assert dataclasses.replace(BASELINE, name="narrow").digest == BASELINE.digest


@pytest.mark.parametrize(
    "change",
    [
        {"form": "onnx"},
        {"factory": "tasks.architectures:convnet"},
        {"arguments": {"outputs": 11}},
        {"arguments": {}},
        {"lineage": ()},
        {"lineage": (TRAIN, CUT)},
        {"lineage": (dataclasses.replace(TRAIN, technique="load"),)},
        {"lineage": (dataclasses.replace(TRAIN, version=2),)},
        {"lineage": (dataclasses.replace(TRAIN, knobs={"epochs": 4}),)},
        {"lineage": (dataclasses.replace(TRAIN, plan="p" * 64),)},
        {"lineage": (dataclasses.replace(TRAIN, record=None),)},
        {"lineage": (dataclasses.replace(TRAIN, parent="b" * 64),)},
        {"content": "d" * 64},
    ],
)
def test_everything_else_is(change: dict[str, Any]) -> None:
    assert dataclasses.replace(BASELINE, **change).digest != BASELINE.digest


def test_the_digest_does_not_depend_on_the_order_of_arguments() -> None:
    one = dataclasses.replace(BASELINE, arguments={"width": 8, "depth": 2})
    other = dataclasses.replace(BASELINE, arguments={"depth": 2, "width": 8})
    assert one.digest == other.digest


def test_two_formulations_of_the_digest_agree() -> None:
    by_hand = {
        "form": "torch",
        "factory": "tasks.architectures:mlp",
        "arguments": {"outputs": 10},
        "lineage": [
            {
                "technique": "train",
                "version": 1,
                "knobs": {"epochs": 3},
                "plan": None,
                "record": "r" * 64,
                "parent": None,
            }
        ],
        "content": "c" * 64,
    }
    assert BASELINE.digest == digest_of(by_hand) == digest_of(json.loads(json.dumps(by_hand)))
    # A digest stands in saved runs and in the registry: another one would orphan them.
    assert BASELINE.digest == "e0bd489ffa03ad93956a051bbe7fca3494907ef9bb46e5664e31996282bcf342"


def test_a_step_makes_a_new_candidate_and_leaves_the_old_one() -> None:
    before = BASELINE.digest
    after = BASELINE.after(CUT, "d" * 64)
    assert (after.lineage, after.content, after.form) == ((TRAIN, CUT), "d" * 64, "torch")
    assert (after.name, after.factory, after.arguments) == ("baseline", BASELINE.factory, BASELINE.arguments)
    assert after.digest != before == BASELINE.digest
    assert BASELINE.lineage == (TRAIN,)
    assert after.after(CUT, "e" * 64, "onnx").form == "onnx"
