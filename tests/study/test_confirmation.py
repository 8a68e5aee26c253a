"""What is said of the products of the given and of the recommended recipe, side by side on test."""

from __future__ import annotations

from support.report_data import card

from flows.recipe.loading import validate_recipe
from flows.study.confirmation import GIVEN, RECOMMENDED, judge_products
from flows.study.study_outcome import Confirmation
from tasks.core import Candidate
from tasks.study.verdicts import MetricUnit

RECIPE = validate_recipe(
    {
        "name": "small",
        "data": {"source": "sklearn:digits"},
        "model": {"factory": "tasks.architectures:convnet"},
        "train": {"epochs": 1},
        "goal": {"metric": "accuracy", "max_drop": 0.01},
    }
)


def judged(drop: float, ms: float, content: str = "b") -> Confirmation:
    """A recommended product with this drop and latency beside a given one with 2 ms."""
    contents = {GIVEN: "a", RECOMMENDED: content}
    files = {name: Candidate(name, "onnx", "m:f", {}, (), digest) for name, digest in contents.items()}
    cards = {
        files[RECOMMENDED].digest: card("r", 0.9 - drop, drop, ms, 1000, base=(2.0, 1000), split="test"),
        files[GIVEN].digest: card("g", 0.9, 0.0, 2.0, 1000, base=(2.0, 1000), spread=0.0, split="test"),
    }
    return judge_products(cards, files, RECIPE, MetricUnit(100.0, "points"))


def test_a_faster_product_within_the_margin() -> None:
    found = judged(0.002, 1.0)
    assert (found.within, found.not_slower) == (True, True)
    assert found.sentence == (
        "on test (n = 5,000), the recommended recipe's product scores -0.2 points [-0.62, +0.22] beside the given "
        "one's, and takes 0.5 of its time [0.476, 0.521]"
    )


def test_what_is_lost_or_slower_is_said() -> None:
    lost = judged(0.02, 1.0)
    assert not lost.within
    assert lost.sentence.endswith(": it loses more than the margin of 1 points, so keep the given recipe")
    slower = judged(0.0, 4.0)
    assert not slower.not_slower
    assert slower.sentence.endswith(": it is slower, so keep the given recipe unless the score matters more")


def test_recipes_that_come_to_one_product() -> None:
    found = judged(0.0, 2.0, content="a")
    assert (found.within, found.not_slower) == (True, True)
    assert found.sentence == "both recipes come to the same product, with 0.9 on test (n = 5,000)"
