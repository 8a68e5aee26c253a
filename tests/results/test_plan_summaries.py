"""Plan summaries: what a step did, from its plan and its record of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support import networks

from flows.results.plan_summaries import summarize_step
from tasks.core import Step
from tasks.kernels.onnx import torch_export
from tasks.techniques import TAGS

KNOBS: dict[str, dict[str, Any]] = {"channels": {"multiple": 4}, "low_rank": {"ranks": "energy", "energy": 0.5}}
PLUGIN = """
from typing import ClassVar, Literal
from tasks.techniques import Technique

class Halve(Technique):
    version: ClassVar[int] = 1
    form: ClassVar[str] = "torch"
    lowers: ClassVar[tuple[str, ...]] = ("bytes",)
    step: Literal["halve"] = "halve"
    share: float = 0.5

    def plan(self, model, batches):
        return {}

    def apply(self, model, plan):
        return model
"""
OWN_WORDS = """
    def own_words(self, plan):
        return f"{plan['halved']} layers halved by {self.share:g}"
"""
PLAN: dict[str, Any] = {"halved": 3, "measured": 1.5, "left_alone": {"head": "the output"}}
GENERAL = "measured 1.50x as fast, 1 layers left alone"


def _step(technique: str, **knobs: Any) -> Step:
    return Step(technique, 1, knobs, "plan", None, None)


def test_worked_by_hand() -> None:
    plan = {"cuts": [{"keep": [0, 1], "of": 8}, {"keep": [3], "of": 4}], "left_alone": {"head": "the output"}}
    words = "3 of 12 channels kept in 2 groups, 1 layers left alone"
    assert summarize_step(_step("channels", sparsity=0.75), plan, {}) == words
    plan = {"layers": [{}, {}], "measured": 1.234}
    assert summarize_step(_step("low_rank"), plan, {}) == "2 layers factorized, measured 1.23x as fast"


@pytest.mark.parametrize("technique", ["train", "load", "recover", "distill"])
def test_training_is_told_by_its_record(technique: str) -> None:
    record: dict[str, Any] = {"curve": [{"number": n} for n in range(4)], "best_epoch": 2, "stopped": "early stopping"}
    record["rungs"] = [{"rung": "as it is", "score": 0.5}, {"rung": "recalibrate", "score": None}]
    words = "validation as it is 0.5000, best epoch 2 of 3, ended by early stopping"
    assert summarize_step(_step(technique, teacher="digest"), {}, record) == words
    more = {"divergence": "the loss is not finite in epoch 4", "rate_range": {"rates": [0.1] * 90, "chosen": 0.02}}
    words = "best epoch 2 of 3, the loss is not finite in epoch 4, learning rate 0.02 by a range test of 90 steps"
    assert summarize_step(_step(technique, teacher="digest"), {}, record | more | {"rungs": []}) == words
    assert summarize_step(_step(technique), {}, {}) == ""
    start = {"curve": [{"number": 0}, {"number": 1}], "best_epoch": 0, "stopped": "epochs"}
    assert summarize_step(_step(technique), {}, start) == "none of 1 epochs better than the start, ended by epochs"


@pytest.mark.parametrize(("own", "words"), [("", GENERAL), (OWN_WORDS, f"3 layers halved by 0.25, {GENERAL}")])
def test_a_plug_in_is_asked(own: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"summarized_plug_in_{len(own)}"
    (tmp_path / f"{name}.py").write_text(PLUGIN + own)
    monkeypatch.syspath_prepend(tmp_path)
    assert summarize_step(_step(f"{name}:Halve", share=0.25), PLAN, {}) == words
    assert summarize_step(_step(f"{name}:Halve", gone=1), PLAN, {}) == GENERAL  # it lost the knob since
    assert summarize_step(_step(f"{name}:Halve"), {}, {}) == ""


def test_of_a_plug_in_that_is_gone_the_general_keys_are_told() -> None:
    assert summarize_step(_step("no_such_module:Own", share=0.25), PLAN, {}) == GENERAL
    assert summarize_step(_step("no_such_module:Own"), {"anything": 1}, {}) == ""


@pytest.mark.parametrize("tag", [tag for tag, kind in TAGS.items() if kind.form == "torch"])
def test_real_plans(tag: str) -> None:
    model, inputs = networks.residual(0)
    knobs = KNOBS.get(tag, {})
    plan = TAGS[tag](**knobs).plan(model, [(inputs, torch.arange(len(inputs)) % 5)])
    assert summarize_step(_step(tag, **knobs), plan, {})


@pytest.mark.parametrize("tag", ["int8", "fp16", "clean"])
def test_real_plans_of_files(tag: str) -> None:
    model, inputs = networks.residual_padded(0)
    file = bytes(torch_export.convert(model, inputs.shape[1:]).SerializeToString())
    plan = TAGS[tag]().plan(file, [({"input": inputs.numpy()}, (torch.arange(len(inputs)) % 5).numpy())])
    assert summarize_step(_step(tag), plan, {})


def test_dropped_columns_are_named() -> None:
    step = Step("fit", 1, {}, None, None, None)
    assert summarize_step(step, {}, {"dropped": ["b", "c"]}) == "without b, c"
    many = [f"x{place}" for place in range(12)]
    assert summarize_step(step, {}, {"dropped": many}).endswith("x7, … (12 in all)")


def test_a_fitted_last_layer_is_told() -> None:
    step = Step("features", 1, {}, None, None, None)
    told = summarize_step(step, {}, {"strength": 0.1, "validation": 0.9375})
    assert told == "last layer fitted with C = 0.1, validation 0.9375"


def test_the_measured_precision_is_told() -> None:
    measured = {"chosen": "bfloat16", "float32_ms": 75.4, "bfloat16_ms": 48.1, "ratio": [1.57, 1.52, 1.62], "steps": 16}
    record = {"arithmetic": measured | {"losses": [2.301, 2.3], "noise": 0.005, "device": "cpu"}}
    said = summarize_step(Step("train", 1, {}, None, None, None), {}, record)
    assert said == (
        "bfloat16: 48.1 ms a step in bfloat16, 75.4 in float32 on cpu (1.57 [1.52, 1.62]× as fast, n = 16); "
        "validation loss 2.3 against 2.301 ± 0.005"
    )
