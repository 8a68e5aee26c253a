"""The base of the techniques: what a plan says in words, and which output channels it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import ValidationError
from torch import nn

import tasks.core
from tasks import techniques
from tasks.core import Step, errors
from tasks.kernels.reconstruction.layerwise import kept_outputs
from tasks.techniques import TAGS, Batches, Channels, Technique, general_summary, technique_of_step
from tasks.techniques.pruning.gradual import Gradual
from tasks.training.recovery import Recover
from tasks.training.student import Distill

CUT = {"keep": [0, 2], "of": 4, "places": [["0", "out", 0, 1], ["1", "in", 0, 1]]}
PLANS: dict[str, tuple[dict[str, Any], str]] = {
    "channels": (
        {"cuts": [CUT], "measured": {"measured": 1.519}, "left_alone": {"1": "the output"}},
        "2 of 4 channels kept in 1 groups, measured 1.52x as fast, 1 layers left alone",
    ),
    "blocks": (
        {"removed": ["a", "b"], "left": ["c"], "left_alone": {}, "measured": 2.0},
        "without a, b; 1 removable blocks left, measured 2.00x as fast",
    ),
    "low_rank": (
        {"layers": [{}], "measured": 1.07, "left_alone": {"x": ""}},
        "1 layers factorized, measured 1.07x as fast, 1 layers left alone",
    ),
    "weights": (
        {"layers": [{"zeros": 900, "of": 1000}, {"zeros": 600, "of": 1000}], "left_alone": {}},
        "1,500 of 2,000 weights zero in 2 layers",
    ),
    "quantize_aware": ({"layers": ["a", "b"], "weight_bits": 7}, "2 layers with weights of 7 bits"),
    "clean": ({"bytes": [9, 8], "operators": [55, 52]}, "55 → 52 operators"),
    "int8": ({"variant": "u8s8", "in_float": {"a": "b"}}, "variant u8s8, 1 operators left in float"),
    "fp16": ({"nodes": ["a", "b", "c"]}, "3 operators in float16"),
    "weight_only": ({"bits": 4, "nodes": ["a"]}, "weights of 4 bits"),
    "pack": ({"bytes": [1097932, 599022]}, "1,097,932 → 599,022 bytes"),
    "trees": ({"trees": [40, 100], "nodes": [1230, 6100]}, "40 of 100 trees, 1,230 of 6,100 nodes kept"),
    "leaves": ({"trees": [9, 9], "nodes": [120, 6100]}, "9 of 9 trees, 120 of 6,100 nodes kept"),
    "calibrate": (
        {"slope": 0.789, "offset": [0.0, -0.071], "gain": 0.0046},
        "log-odds times 0.79 and offset -0.07, log loss 0.0046 lower out of fold",
    ),
}
"""A plan of every technique, and its summary."""


class _Own(Technique):
    """A plug-in that says nothing of its own."""

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Any, ...]] = ("bytes",)
    step: Literal["own"] = "own"

    def plan(self, model: Any, batches: Batches) -> dict[str, Any]:
        return {}

    def apply(self, model: Any, plan: dict[str, Any]) -> Any:
        return model


class _Telling(_Own):
    """A plug-in with words and cuts of its own."""

    def own_words(self, plan: dict[str, Any]) -> str:
        return "first half kept"

    def kept(self, plan: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"keep": [0, 1], "of": 4, "places": [["0", "out", 0, 1]]}]


@pytest.mark.parametrize("tag", TAGS)
def test_every_technique_has_words_of_its_own(tag: str) -> None:
    plan, words = PLANS[tag]
    technique = TAGS[tag]()
    assert technique.summary(plan) == words
    assert technique.own_words(plan)


def test_int8_without_layers_in_float() -> None:
    assert TAGS["int8"]().summary({"variant": "dynamic"}) == "variant dynamic"


def test_general_words() -> None:
    plan = {"measured": 1.234, "left_alone": {"a": "shared", "b": "ignored"}}
    assert general_summary(plan) == "measured 1.23x as fast, 2 layers left alone"
    assert general_summary({"measured": {"block": 16}, "left_alone": {}}) == ""
    assert _Own().summary(plan) == general_summary(plan)
    assert _Telling().summary(plan) == f"first half kept, {general_summary(plan)}"
    assert _Own().summary({}) == ""


def test_only_channels_keep_fewer_outputs() -> None:
    assert Channels().kept(PLANS["channels"][0]) == [CUT]
    assert all(TAGS[tag]().kept(PLANS[tag][0]) == [] for tag in TAGS if tag != "channels")
    assert _Own().kept({}) == []


def test_kept_outputs_follow_one_another() -> None:
    teacher = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 2))
    first = {"keep": [1, 3, 5, 7], "of": 8, "places": [["0", "out", 0, 1]]}
    answers = [Channels().kept({"cuts": [first]}), _Own().kept({}), _Telling().kept({})]
    assert kept_outputs(teacher, answers) == {"0": [1, 3]}


def test_the_technique_of_a_step() -> None:
    step = Step("channels", 2, {"sparsity": 0.25}, "plan", None, None)
    assert technique_of_step(step) == Channels(sparsity=0.25)
    with pytest.raises(ValidationError):
        technique_of_step(Step("channels", 2, {"width": 3}, "plan", None, None))
    with pytest.raises(errors.InputError):
        technique_of_step(Step("train", 1, {}, None, None, None))


def test_what_the_author_of_a_plug_in_needs_is_in_one_place() -> None:
    assert errors.Refusal is tasks.core.Refusal
    assert errors.InputError is tasks.core.InputError
    assert {"Technique", "Batches", "Refusal", "InputError"} <= set(techniques.__all__)


@pytest.mark.parametrize("kind", [*TAGS.values(), Gradual, Recover, Distill], ids=lambda kind: kind.__name__)
def test_a_short_docstring_names_the_card(kind: type[Any]) -> None:
    tag, words = kind.model_fields["step"].default, str(kind.__doc__).splitlines()
    assert len(words) <= 12
    assert words[-2].strip() == f"Card: docs/techniques/{tag}.md."
    root = Path(techniques.__file__).parents[2]
    sections = ("What it does", "How it works", "Papers", "Measured", "When it did not help")
    card = (root / "docs" / "techniques" / f"{tag}.md").read_text(encoding="utf-8")
    assert [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")] == list(sections)
    assert f"({tag}.md)" in (root / "docs" / "techniques" / "README.md").read_text(encoding="utf-8")
