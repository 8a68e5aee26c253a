"""Wrong branches: their steps, knobs and plug-ins."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import IMAGES, Row, check_optimize, check_plan, steps, write

ROWS = {
    "key unknown in a step": Row(
        "a.yaml: compress.branches.1.steps.0.sparcity: is not a known key; nearest valid choice: sparsity",
        recipe=steps({"step": "channels", "sparcity": 0.5}),
    ),
    "key unknown in recover": Row(
        "a.yaml: compress.branches.1.steps.0.epoch: is not a known key; nearest valid choice: epochs",
        recipe=steps({"step": "recover", "epoch": 1}),
    ),
    "warm-up of recover's one_cycle": Row(
        "a.yaml: compress.branches.1.steps.0.warm_up: must be left out: one_cycle begins with its own, but got 1.0",
        recipe=steps({"step": "recover", "warm_up": 1}),
    ),
    "warm-up of recover longer than its training": Row(
        "a.yaml: compress.branches.1.steps.0.warm_up: must be below the 3 epochs of the training, but got 6.0; nearest "
        "valid choice: 0.3",
        recipe=steps({"step": "recover", "warm_up": 6, "schedule": "cosine"}),
    ),
    "cutmix of a table in recover": Row(
        "a.yaml: compress.branches.1.steps.0.cutmix: suits images only, but got 1.0; nearest valid choice: mixup",
        recipe=steps({"step": "recover", "cutmix": 1}),
    ),
    "text for true or false": Row(
        "a.yaml: compress.branches.1.steps.0.per_channel: must be true or false, but got 'maybe'",
        recipe=steps({"step": "int8", "per_channel": "maybe"}),
    ),
    "mapping for a list": Row(
        "a.yaml: compress.branches: must be a list, but got {'a': []}", recipe={"compress": {"branches": {"a": []}}}
    ),
    "list without an entry": Row(
        "a.yaml: compress.branches.1.steps: needs more entries: at least 1, but got []", recipe=steps()
    ),
    "at an end that is excluded": Row(
        "a.yaml: compress.branches.1.steps.0.sparsity: must be below 1, but got 1; nearest valid choice: 0.99",
        recipe=steps({"step": "channels", "sparsity": 1}),
    ),
    "optimizer of recover unknown": Row(
        "a.yaml: compress.branches.1.steps.0.optimizer: must be one of sgd, adam, adamw, adagrad, "
        "rmsprop, muon, but got 'sdg'; nearest valid choice: sgd",
        recipe=steps({"step": "recover", "optimizer": "sdg"}),
    ),
    "numbers that blocks are not timed in": Row(
        "a.yaml: compress.branches.1.steps.0.timed: must be one of float, int8, but got 'fp16'",
        recipe=steps({"step": "blocks", "speedup": 2, "timed": "fp16"}),
    ),
    "blocks timed for nothing": Row(
        "a.yaml: compress.branches.1.steps.0.timed: needs speedup: without it nothing is timed, but got 'int8'",
        recipe=steps({"step": "blocks", "remove": 1, "timed": "int8"}),
    ),
    "step unknown": Row(
        "a.yaml: compress.branches.1.steps.0.step: must be one of channels, blocks, low_rank, weights, "
        "quantize_aware, clean, int8, fp16, weight_only, pack, trees, leaves, calibrate, gradual, recover, distill, "
        "fit, ensemble, or your own as module:Class, but got 'chanels'; nearest valid choice: channels",
        recipe=steps({"step": "chanels"}),
    ),
    "branch called as a control": Row(
        "a.yaml: compress.branches.0.name: must not begin with untaught, as the controls do of branches that the "
        "baseline teaches, but got 'untaught a'",
        recipe={"compress": {"branches": [{"name": "untaught a", "steps": [{"step": "int8"}]}]}},
    ),
    "step that is text": Row(
        "a.yaml: compress.branches.1.steps.0: must be a mapping with a step, but got 'int8'; nearest "
        "valid choice: {step: int8}",
        recipe=steps("int8"),
    ),
    "plug-in: no such module": Row(
        "a.yaml: compress.branches.1.steps.0.step: must name a module that can be imported, from the "
        "current folder or installed, but got 'prun:Mine'; nearest valid choice: prune:Mine",
        recipe=steps({"step": "prun:Mine"}),
    ),
    "plug-in: no such class": Row(
        "a.yaml: compress.branches.1.steps.0.step: must name a class of the module prune, but got 'Mina';"
        " nearest valid choice: prune:Mine",
        recipe=steps({"step": "prune:Mina"}),
    ),
    "plug-in: no technique": Row(
        "a.yaml: compress.branches.1.steps.0.step: must name a subclass of tasks.techniques.Technique, "
        "but got 'prune:Stranger'",
        recipe=steps({"step": "prune:Stranger"}),
    ),
    "plug-in: knob unknown": Row(
        "a.yaml: compress.branches.1.steps.0.amuont: is not a known key; nearest valid choice: amount",
        recipe=steps({"step": "prune:Mine", "amuont": 0.5}),
    ),
    "plug-in: knob out of range": Row(
        "a.yaml: compress.branches.1.steps.0.amount: must be below 1, but got 2; nearest valid choice: 0.5",
        recipe=steps({"step": "prune:Mine", "amount": 2}),
    ),
    "layer to ignore unknown": Row(
        "a.yaml: compress.branches.1.steps.0.ignore: names no layer of the model, but got 'block.0'; "
        "nearest valid choice: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        recipe={**IMAGES, **steps({"step": "channels", "ignore": ["block.0"]})},
    ),
    "branches of one name": Row(
        "a.yaml: compress.branches.1.name: must differ from other branches, from baseline and from "
        "dense control, but got 'a'",
        recipe={"compress": {"branches": [{"name": "a", "steps": [{"step": "int8"}]}] * 2}},
    ),
    "branch called baseline": Row(
        "a.yaml: compress.branches.0.name: must differ from other branches, from baseline and from "
        "dense control, but got 'baseline'",
        recipe={"compress": {"branches": [{"name": "baseline", "steps": [{"step": "int8"}]}]}},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)


@pytest.mark.parametrize("name", ["before Prefect"])
@pytest.mark.e2e
def test_optimize_says_the_same_in_a_process_of_its_own(name: str, place: Path) -> None:
    row = ROWS["key unknown in a step"]
    check_optimize(write(row), row.says)
