"""A study's result as if it had been measured: seven tables with known effects, one of which broke."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.recipe.schema import Recipe
from flows.study.recommendation import recommend
from flows.study.study_outcome import Confirmation, StudyResult, Suspect
from tasks.core import Estimate
from tasks.study.design import Cell, Design, UnsuitedTable
from tasks.study.effects import Measured
from tasks.study.verdicts import MetricUnit, judge_table

POINTS = MetricUnit(100.0, "points")
NASTY = '<script>alert("x")</script> | more'
N = 359


def recipe(**sections: Any) -> Recipe:
    """A recipe for digits."""
    return Recipe.model_validate(
        {
            "name": "digits",
            "data": {"source": "sklearn:digits"},
            "goal": {"metric": "accuracy", "max_drop": 0.01},
            "study": {"minutes": 25},
            **sections,
        }
    )


def gain(value: float, width: float = 0.002) -> Estimate:
    """A paired gain with its interval."""
    return Estimate(value, value - width, value + width, N)


def measured(cell: str, seed: int, value: float | None, **fields: Any) -> Measured:
    """A measurement of a cell that gains so much beside a reference of 0.9; None is the reference."""
    wobble = 0.0003 * (seed - 1)
    found = None if value is None else gain(value + wobble)
    return Measured(cell, seed, 0.9 + (value or 0.0) + wobble, found, **{"spent": 2.0, "bytes": 70_000, **fields})


def augmentation() -> tuple[Design, list[Measured]]:
    """Flip gains a point, rotation loses two, and a crop of one pixel does nothing that could be seen."""
    step = {"step": "flip"}
    cells = (Cell("none", {"augment": []}), Cell("flip", {"augment": [step]}), Cell(NASTY), Cell("crop"))
    design = Design("augmentation", "Augmentation", "Which changes help?", "the augmentation", "the network", cells)
    gains = {"none": None, "flip": 0.01, NASTY: -0.02, "crop": 0.0002}
    return design, [measured(name, seed, value, seconds=3.0) for seed in range(3) for name, value in gains.items()]


def precision() -> tuple[Design, list[Measured]]:
    """int8 is twice as fast and loses nothing; 4 bits cannot be made."""
    cells = (Cell("float32"), Cell("int8", steps=({"step": "int8"},)), Cell("4 bits", steps=({"step": "weight_only"},)))
    design = Design("precision", "Precision", "How many bits?", "the bits", "the network", cells, cost="latency")
    found = []
    for seed in range(3):
        found.append(measured("float32", seed, None, latency_ms=0.2, speedup=Estimate(1.0, 1.0, 1.0, 3)))
        speedup = Estimate(2.0 + 0.01 * seed, 1.9, 2.1, 3)
        found.append(measured("int8", seed, 0.0, latency_ms=0.1, speedup=speedup, bytes=20_000))
        found.append(Measured("4 bits", seed, refusal="no layer holds whole blocks", spent=1.0))
    return design, found


def early_stopping() -> tuple[Design, list[Measured]]:
    """Patience of two epochs saves half of the time."""
    cells = (Cell("all epochs"), Cell("patience 2", {"train.early_stopping": {"patience": 2}}))
    design = Design("early_stopping", "Early stopping", "What is saved?", "the end", "the rest", cells, cost="training")
    found = []
    for seed in range(3):
        whole = tuple((epoch, 1 / epoch) for epoch in range(1, 9))
        found.append(measured("all epochs", seed, None, seconds=8.0 + seed, curve=whole))
        found.append(measured("patience 2", seed, 0.0, seconds=(8.0 + seed) / 2, curve=whole[:4]))
    return design, found


def data_amount() -> tuple[Design, list[Measured]]:
    """Half of the rows costs three points."""
    cells = (Cell("all rows"), Cell("half", train_share=0.5, recommended=False))
    design = Design("data", "Data", "Would more rows help?", "the rows", "the rest", cells, note="Rows are drawn.")
    return design, [measured(name, seed, v) for seed in range(3) for name, v in (("all rows", None), ("half", -0.03))]


def parallelism() -> tuple[Design, list[Measured]]:
    """Two threads are 1.5 times as fast as one."""
    cells = (Cell("1 thread"), Cell("2 threads", timing={"threads": 2}, recommended=False))
    design = Design("parallelism", "Parallelism", "What is faster?", "threads", "the work", cells, "training", "speed")
    times = (("1 thread", 3.0), ("2 threads", 2.0))
    return design, [Measured(name, s, seconds=t + 0.01 * s, spent=5.0) for s in range(3) for name, t in times]


def devices() -> tuple[Design, list[Measured]]:
    """Broke before anything was measured."""
    cells = (Cell("cpu"), Cell("gpu"))
    return Design("devices", "Devices", "Which device?", "the device", "the work", cells, "training", "speed"), []


def optimizers() -> tuple[Design, list[Measured]]:
    """Measured with one seed: no verdict yet."""
    cells = (Cell("adamw"), Cell("sgd", options=({"train.learning_rate": 0.1},)))
    design = Design("optimizers", "Optimizers", "Which one?", "the optimizer", "the rest", cells, cost="training")
    sgd = measured("sgd", 0, -0.01, seconds=3.0, choice="learning_rate 0.1")
    return design, [measured("adamw", 0, None, seconds=3.1), sgd]


def study_result(*, confirmed: bool = True, seeds: int = 3) -> StudyResult:
    """The result of a study that measured all of these tables, with so many seeds."""
    asked = recipe()
    whole = (optimizers(), early_stopping(), precision(), parallelism(), augmentation(), devices(), data_amount())
    made = tuple((design, [each for each in found if each.seed < seeds]) for design, found in whole)
    tables = tuple(
        judge_table(design, found, 3, 0.01, POINTS, "no GPU answers" if design.name == "devices" else "")
        for design, found in made
    )
    score = Estimate(0.9, 0.88, 0.92, 360)
    told = "on test (n = 360), the recommended recipe's product scores +0.5 points [-0.2, +1.2] beside the given one's"
    drop = Estimate(-0.005, -0.012, 0.002, 360)
    return StudyResult(
        asked,
        tables,
        (UnsuitedTable("transfer", "Transfer learning", "there are no pretrained weights for 8 × 8 images"),),
        POINTS,
        "accuracy",
        "this host",
        N,
        recommend(asked, tables),
        Confirmation(score, score, drop, Estimate(1.9, 1.8, 2.0, 3), True, True, told) if confirmed else None,
        12.5,
        ("Pruning",),
        suspects=tuple(Suspect(place, "8", NASTY, place + 100) for place in range(45)),
        measured=tuple((design.name, each) for design, found in made for each in found),
    )


def folder_of(home: Path) -> Path:
    """Where a study of this recipe puts its files."""
    return home / "products" / "digits" / "study"
