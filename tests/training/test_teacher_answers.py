"""Teacher answers: a batch is computed once, for all trainings that meet it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tasks.training.distillation import train_with_teacher
from tasks.training.recovery import Recover
from tasks.training.speed import teacher_answers
from tasks.training.speed.teacher_answers import TeacherAnswers
from tasks.training.training_data import TrainingData

EXAMPLE = torch.linspace(-1, 1, 6).view(2, 3)


class Counted(nn.Module):
    """A linear teacher that counts its batches."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.randn(2, 3, generator=torch.Generator().manual_seed(seed)))
        self.calls = 0

    def forward(self, inputs: Tensor) -> Tensor:
        """(count, 3) → (count, 2)."""
        self.calls += 1
        found: Tensor = self.layer(inputs)
        return found


def opened(teacher: nn.Module, folder: Path | None) -> TeacherAnswers:
    return TeacherAnswers(teacher, EXAMPLE, folder)


def answered(answers: TeacherAnswers, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return answers(inputs)


def blobs() -> TrainingData:
    inputs = torch.randn(96, 3, generator=torch.Generator().manual_seed(1))
    targets = (inputs[:, 0] > 0).long()
    return TrainingData(inputs[:64], targets[:64], inputs[64:], targets[64:], transform=lambda batch: batch)


def test_the_next_training_finds_what_was_saved(tmp_path: Path) -> None:
    teacher, inputs = Counted(), torch.randn(4, 3)
    first = opened(teacher, tmp_path)
    computed = answered(first, inputs)
    first.save()
    assert torch.equal(answered(first, inputs), computed)
    second, before = opened(teacher, tmp_path), teacher.calls
    assert torch.equal(answered(second, inputs), computed)
    assert teacher.calls == before
    answered(second, inputs[:2])
    assert teacher.calls == before + 1


def test_another_teacher_or_arithmetic_has_answers_of_its_own(tmp_path: Path) -> None:
    inputs = torch.randn(4, 3)
    first = opened(Counted(), tmp_path)
    plain = answered(first, inputs)
    first.save()
    other = Counted(seed=5)
    assert not torch.equal(answered(opened(other, tmp_path), inputs), plain)
    teacher = Counted()
    again, before = opened(teacher, tmp_path), teacher.calls + 1
    with torch.autocast("cpu", torch.bfloat16):
        rough = answered(again, inputs)
    assert (rough.dtype, teacher.calls) == (torch.float32, before)
    assert not torch.equal(rough, plain)


def test_a_damaged_file_costs_nothing_but_the_computation(tmp_path: Path) -> None:
    teacher, inputs = Counted(), torch.randn(4, 3)
    first = opened(teacher, tmp_path)
    computed = answered(first, inputs)
    first.save()
    [file] = tmp_path.glob("*/*.npz")
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], whole.replace(computed.numpy().tobytes(), bytes(computed.nbytes))):
        file.write_bytes(content)
        assert torch.equal(answered(opened(teacher, tmp_path), inputs), computed)


def test_no_more_is_kept_than_the_limits_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher_answers, "MOST_BYTES", 1)
    monkeypatch.setattr(teacher_answers, "MOST_TEACHERS", 2)
    for seed in range(4):
        answers = opened(Counted(seed), tmp_path)
        answered(answers, torch.randn(4, 3))
        answered(answers, torch.randn(5, 3))
        assert len(answers.fresh) == 1
        answers.save()
        for place, folder in enumerate(sorted(tmp_path.iterdir(), key=lambda each: each.stat().st_mtime)):
            os.utime(folder, (1000 + seed + place, 1000 + seed + place))
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_is_kept_without_a_folder() -> None:
    teacher = Counted()
    answers = opened(teacher, None)
    answered(answers, EXAMPLE)
    answered(answers, EXAMPLE)
    answers.save()
    assert (teacher.calls, answers.fresh) == (2, {})


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_training_has_the_same_bits_with_and_without(tmp_path: Path, precision: str) -> None:
    spec = Recover.model_validate({"epochs": 3, "batch_size": 16, "learning_rate": 0.05, "precision": precision})
    weights, files = [], []
    for folder in (None, tmp_path, tmp_path):
        teacher, student = Counted(), Counted(seed=7)
        train_with_teacher(student, teacher, blobs(), spec, answers=folder)
        weights.append(student.layer.weight)
        files.append(len(list(tmp_path.glob("*/*.npz"))))
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[1], weights[2])
    assert files == [0, 3, 3]
