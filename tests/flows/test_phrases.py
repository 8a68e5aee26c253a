"""Phrases: every technique's plan in words."""

from __future__ import annotations

from typing import Any

import networks
import pytest
import torch

from flows.results.plan_summaries import PHRASES, summarize_step
from tasks.kernels.onnx import torch_export
from tasks.techniques import TAGS

KNOBS: dict[str, dict[str, Any]] = {"channels": {"multiple": 4}, "low_rank": {"ranks": "energy", "energy": 0.5}}


def test_worked_by_hand() -> None:
    plan = {"cuts": [{"keep": [0, 1], "of": 8}, {"keep": [3], "of": 4}], "left_alone": {"head": "the output"}}
    assert summarize_step("channels", plan, {}) == "3 of 12 channels kept in 2 groups, 1 layers left alone"
    plan = {"layers": [{}, {}], "measured": 1.234}
    assert summarize_step("low_rank", plan, {}) == "2 layers factorized, measured 1.23x as fast"
    record = {"curve": [{}, {}, {}], "best_epoch": 2, "stopped": "early stopping"}
    record["rungs"] = [{"rung": "as it is", "score": 0.5}, {"rung": "recalibrate", "score": None}]
    assert summarize_step("recover", {}, record) == (
        "validation as it is 0.5000, best epoch 2 of 3, ended by early stopping"
    )
    assert summarize_step("mine:Own", {"anything": 1}, {}) == ""
    assert set(PHRASES) == set(TAGS)


@pytest.mark.parametrize("tag", [tag for tag, kind in TAGS.items() if kind.form == "torch"])
def test_real_plans(tag: str) -> None:
    model, inputs = networks.residual(0)
    plan = TAGS[tag](**KNOBS.get(tag, {})).plan(model, [(inputs, torch.arange(len(inputs)) % 5)])
    assert summarize_step(tag, plan, {})


@pytest.mark.parametrize("tag", ["int8", "fp16", "clean"])
def test_real_plans_of_files(tag: str) -> None:
    model, inputs = networks.residual_padded(0)
    file = bytes(torch_export.convert(model, inputs.shape[1:]).SerializeToString())
    plan = TAGS[tag]().plan(file, [({"input": inputs.numpy()}, (torch.arange(len(inputs)) % 5).numpy())])
    assert summarize_step(tag, plan, {})
