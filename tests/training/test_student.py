"""Student: what its teacher's answers weigh, and that they do not harm one that begins at random."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from tasks.architectures import convnet
from tasks.core import MetricSpec
from tasks.training.recovery import Recover, Recovery
from tasks.training.student import Distill, train_student
from tasks.training.train import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingData

SEEDS = range(5)
SHORT: dict[str, Any] = {"epochs": 3, "batch_size": 32, "learning_rate": 0.01}


def network(seed: int, width: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 4))


def sectors(count: int = 400) -> TrainingData:
    """Four classes: the signs of both coordinates; a tenth of the train labels are wrong."""
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(4 * count, 2, generator=generator)
    targets = (inputs[:, 0] > 0).long() + 2 * (inputs[:, 1] > 0).long()
    wrong = torch.randint(0, 4, (count,), generator=generator)
    learned = torch.where(torch.rand(count, generator=generator) < 0.1, wrong, targets[:count])
    parts = (inputs[:count], learned, inputs[count:], targets[count:])
    return TrainingData(*parts, lambda batch: batch, metric=MetricSpec("accuracy"))


def digits() -> TrainingData:
    inputs, targets = (torch.from_numpy(each) for each in load_digits(return_X_y=True))
    images, classes = inputs.reshape(-1, 1, 8, 8).float(), targets.long()
    parts = (images[:800], classes[:800], images[800:], classes[800:])
    return TrainingData(*parts, lambda batch: batch / 8 - 1, metric=MetricSpec("accuracy"))


def small(seed: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return convnet((1, 8, 8), 10, width=4, depth=2)


@pytest.fixture(scope="module")
def teacher() -> nn.Sequential:
    model = network(99, 32)
    train(model, sectors(), TrainSpec(epochs=20, batch_size=32, learning_rate=0.02, early_stopping=None))
    return model


def score(seed: int, teacher: nn.Module, epochs: int, **knobs: Any) -> float:
    """The validation accuracy of a student after its last epoch."""
    spec = Distill.model_validate(
        {"factory": "nets:any", "epochs": epochs, "batch_size": 32, "learning_rate": 0.02, "seed": seed, **knobs}
    )
    result, inherited = train_student(network(seed, 33), teacher, sectors(), spec)
    assert inherited == (["1.num_batches_tracked", "3.bias"] if spec.taught else [])
    return last_score(result)


def last_score(result: Recovery) -> float:
    assert result.training is not None
    return result.training.curve[-1].validation_score


@pytest.mark.parametrize("epochs", [1, 8])
def test_a_teacher_does_not_harm_a_student(teacher: nn.Sequential, epochs: int) -> None:
    gains = [score(seed, teacher, epochs) - score(seed, teacher, epochs, taught=False) for seed in SEEDS]
    assert statistics.fmean(gains) > -0.005


def test_few_epochs_are_enough_for_the_answers_but_not_for_the_less_likely_classes() -> None:
    data, gains = digits(), []
    for seed in range(3):
        guide = nn.Sequential(small(50 + seed))
        train(guide, data, TrainSpec(**SHORT, early_stopping=None, seed=50 + seed))
        scores = []
        for knobs in ({}, {"temperature": 4.0, "hard_weight": 0.1}):
            spec = Distill.model_validate({"factory": "nets:any", **SHORT, "seed": seed, **knobs})
            result, inherited = train_student(small(seed), guide, data, spec)
            assert inherited == []
            scores.append(last_score(result))
        gains.append(scores[0] - scores[1])
    assert statistics.fmean(gains) > 0.1


def test_a_recovery_weighs_the_teacher_more_because_its_student_begins_near_it() -> None:
    student, recovery = Distill(factory="nets:any"), Recover()
    assert (student.temperature, student.hard_weight) == (1.0, 0.7)
    assert (recovery.temperature, recovery.hard_weight) == (4.0, 0.1)
