"""Wrong searches: their paths, domains, algorithms and resources."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import IMAGES, OPTIMIZER, Row, check_plan, space, two

ROWS = {
    "key unknown in a domain": Row(
        "a.yaml: search.space.train.learning_rate: must be a mapping with one of the keys choice, "
        "uniform, loguniform, integers, quantized, but got {'logunifrm': [0.1, 1]}; nearest valid choice: loguniform",
        recipe=space("train.learning_rate", {"logunifrm": [0.1, 1]}),
    ),
    "key of two domains": Row(
        "a.yaml: search.space.train.learning_rate.uniform: is not a known key; nearest valid choice: when, choice",
        recipe=space("train.learning_rate", {"uniform": [0.1, 1], "choice": [1]}),
    ),
    "search: path outside": Row(
        "a.yaml: search.space.goal.max_drop: must be one of, or begin with, train., augment., preprocess., "
        "model.family, model.factory, model.arguments.",
        recipe=space("goal.max_drop", {"uniform": [0.1, 0.2]}),
    ),
    "search: path mistyped": Row(
        "a.yaml: search.space.trian.epochs: must be one of, or begin with, train., augment., preprocess., "
        "model.family, model.factory, model.arguments.; "
        "nearest valid choice: train.epochs",
        recipe=space("trian.epochs", {"choice": [1, 2]}),
    ),
    "search: path unknown": Row(
        "a.yaml: search.space.train.learningrate: is not a known key; nearest valid choice: learning_rate",
        recipe=space("train.learningrate", {"loguniform": [0.1, 1]}),
    ),
    "search: path through an absent step": Row(
        "a.yaml: search.space.augment.0.padding: goes through a list that is empty, but got '0'",
        recipe=space("augment.0.padding", {"choice": [1, 2]}),
    ),
    "search: argument unknown": Row(
        "a.yaml: search.space.model.arguments.widht: is not an argument of tasks.architectures:mlp; "
        "nearest valid choice: width",
        recipe=space("model.arguments.widht", {"choice": [8, 16]}),
    ),
    "search: argument that no network has": Row(
        "a.yaml: search.space: tasks.architectures:mlp fails with the arguments {'input_shape': [2], "
        "'outputs': 2, 'width': 'wide'} (ValueError: width must be a whole number of at least 1, but got 'wide')",
        recipe=space("model.arguments.width", {"choice": [8, "wide"]}),
    ),
    "search: kernel that is even": Row(
        "a.yaml: search.space: tasks.architectures:convnet fails with the arguments {'input_shape': [3, 8, 8], "
        "'outputs': 4, 'kernel': 4} (ValueError: kernel must be odd (1, 3, 5, …), but got 4)",
        recipe={**IMAGES, **space("model.arguments.kernel", {"choice": [3, 4]})},
    ),
    "search: value out of range": Row(
        "a.yaml: search.space.train.epochs: must be at least 1, but got 0; nearest valid choice: 1",
        recipe=space("train.epochs", {"integers": [0, 9]}),
    ),
    "search: choice that is none": Row(
        "a.yaml: search.space.train.optimizer: must be one of sgd, adam, adamw, adagrad, rmsprop, muon, but got"
        " 'adan'; nearest valid choice: adam",
        recipe=space("train.optimizer", {"choice": ["sgd", "adan"]}),
    ),
    "search: fractions for a whole number": Row(
        "a.yaml: search.space.train.epochs: takes whole numbers, but got {'uniform': [1.0, 9.0]}; nearest"
        " valid choice: {'integers': [1, 9]}",
        recipe=space("train.epochs", {"uniform": [1, 9]}),
    ),
    "search: domain that is a number": Row(
        "a.yaml: search.space.train.epochs: must be a mapping with one of the keys choice, uniform, "
        "loguniform, integers, quantized, but got 3",
        recipe=space("train.epochs", 3),
    ),
    "search: range of one number": Row(
        "a.yaml: search.space.train.learning_rate.uniform.1: is required",
        recipe=space("train.learning_rate", {"uniform": [0.1]}),
    ),
    "search: range upside down": Row(
        "a.yaml: search.space.train.learning_rate: the first number must be below the second, but got [1.0, 0.1]",
        recipe=space("train.learning_rate", {"uniform": [1, 0.1]}),
    ),
    "search: logarithm of nothing": Row(
        "a.yaml: search.space.train.learning_rate.loguniform.0: must be above 0, but got 0; nearest valid choice: 0.01",
        recipe=space("train.learning_rate", {"loguniform": [0, 1]}),
    ),
    "search: range of text": Row(
        "a.yaml: search.space.train.learning_rate.uniform.0: must be a number, but got 'low'",
        recipe=space("train.learning_rate", {"uniform": ["low", 1]}),
    ),
    "search: no choice": Row(
        "a.yaml: search.space.train.epochs.choice: needs more entries: at least 1, but got []",
        recipe=space("train.epochs", {"choice": []}),
    ),
    "search: grid over a range": Row(
        "a.yaml: search.space.train.learning_rate: must be a choice, integers or quantized, since the algorithm is "
        "grid, but got {'uniform': [0.1, 1.0]}; nearest valid choice: {'choice': [0.1, 1.0]}",
        recipe=space("train.learning_rate", {"uniform": [0.1, 1]}, algorithm="grid"),
    ),
    "search: grid without end": Row(
        "a.yaml: search.space: must have at most 100,000 points for a grid",
        recipe=space("train.seed", {"integers": [0, 10**9]}, algorithm="grid"),
    ),
    "search: steps that do not reach the end": Row(
        "a.yaml: search.space.train.batch_size.quantized: must come from its first number to its second in whole "
        "steps of its third, but got [16, 100, 16]; nearest valid choice: [16, 96, 16]",
        recipe=space("train.batch_size", {"quantized": [16, 100, 16]}),
    ),
    "search: fractions in steps for a whole number": Row(
        "a.yaml: search.space.train.batch_size: must be a whole number, but got 16.5; nearest valid choice: 16",
        recipe=space("train.batch_size", {"quantized": [16, 17, 0.5]}),
    ),
    "search: path of the compression": Row(
        "a.yaml: search.space.compress.branches.0.steps.0.sparsity: belongs into compress.search.space, as "
        "<branch>.<step index>.<knob>",
        recipe=space("compress.branches.0.steps.0.sparsity", {"uniform": [0.1, 0.9]}),
    ),
    "search: path inside another": Row(
        "a.yaml: search.space.train.early_stopping.patience: lies in train.early_stopping, which is searched as well: "
        "it needs a condition on it; nearest valid choice: when: {train.early_stopping: …}",
        recipe=two(
            ("train.early_stopping", {"choice": [None, {"min_delta": 0.1}]}),
            ("train.early_stopping.patience", {"integers": [1, 9]}),
        ),
    ),
    "search: recipe broken elsewhere by a choice": Row(
        "a.yaml: search.space: gives a recipe whose augment.0.padding is not a known key, but got "
        "{'augment.0.step': 'flip'}; nearest valid choice: step, probability, axis, alternating",
        recipe={"augment": [{"step": "crop", "padding": 2}], **space("augment.0.step", {"choice": ["crop", "flip"]})},
    ),
    "search: augmentation of other data": Row(
        "a.yaml: search.space.augment.0.step: suits arrays of steps only, but got 'jitter'; nearest valid choice: "
        "crop, flip, rotate, noise, cutout, resized_crop, translate, scale, shear, color, blur, erase, rand_augment",
        recipe={**IMAGES, "augment": [{"step": "flip"}], **space("augment.0.step", {"choice": ["flip", "jitter"]})},
    ),
    "cmaes: choice": Row(
        "a.yaml: search.space.train.optimizer: must be a range of numbers, since the algorithm is cmaes (tpe and "
        "nsga2 take choices, too), but got {'choice': ['sgd', 'adam']}",
        recipe=two(OPTIMIZER, algorithm="cmaes"),
    ),
    "cmaes: condition": Row(
        "a.yaml: search.space.train.momentum.when: must be left out, since the algorithm is cmaes (tpe and nsga2 take "
        "conditions), but got {'train.epochs': 2}",
        recipe=two(
            ("train.epochs", {"integers": [1, 5]}),
            ("train.momentum", {"uniform": [0, 0.9], "when": {"train.epochs": 2}}),
            algorithm="cmaes",
        ),
    ),
    "cmaes: two objectives": Row(
        "a.yaml: search.algorithm: takes one objective only, and minimize is a second one, but got 'cmaes'; "
        "nearest valid choice: tpe or nsga2",
        recipe=two(("train.learning_rate", {"uniform": [0.1, 0.2]}), algorithm="cmaes", minimize="latency"),
    ),
    "resources: a GPU and a half": Row(
        "a.yaml: search.resources.gpus: must be a fraction below 1 or a whole number, but got 1.5; "
        "nearest valid choice: 2",
        recipe=two(OPTIMIZER, resources={"gpus": 1.5}),
    ),
    "resources: no processor": Row(
        "a.yaml: search.resources.cpus: must be above 0, but got 0; nearest valid choice: 1",
        recipe=two(OPTIMIZER, resources={"cpus": 0}),
    ),
    "search: algorithm unknown": Row(
        "a.yaml: search.algorithm: must be one of grid, random, tpe, gp, nsga2, cmaes, pbt, but got 'nsga'; "
        "nearest valid choice: nsga2",
        recipe=two(OPTIMIZER, algorithm="nsga"),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)
