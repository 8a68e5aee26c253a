"""Precision `auto`: measured once, kept in the record and over a kill, and its host is part of the cache key."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from pydantic import ValidationError
from support.small_trainings import network, pictures, same, state, train_with_kill

from tasks.core.cache_key import cache_key
from tasks.kernels.host import machine
from tasks.kernels.training.precision_choice import PrecisionChoice
from tasks.training.distillation import DistillationSpec
from tasks.training.recovery import Recover
from tasks.training.speed.precision import PARTS, validation_losses
from tasks.training.train import train
from tasks.training.train_spec import TrainSpec
from tasks.training.trainer import Trainer

AUTO = TrainSpec(epochs=4, batch_size=32, learning_rate=0.01, precision="auto", early_stopping=None)


def test_the_choice_is_in_the_record_and_the_training_is_that_of_its_precision() -> None:
    model, named = network(), network()
    result = train(model, pictures(), AUTO)
    assert result.arithmetic is not None
    assert result.arithmetic.float32_ms > 0
    assert result.arithmetic.bfloat16_ms > 0
    assert result.arithmetic.device == "cpu"
    train(named, pictures(), AUTO.model_copy(update={"precision": result.arithmetic.chosen}))
    assert same(state(model), state(named)), "measuring changes nothing of the training"


def test_a_kill_keeps_the_choice(tmp_path: Path) -> None:
    resumed, result = train_with_kill(AUTO, pictures(), tmp_path / "run", after=2)
    assert result.note == ""
    assert result.arithmetic is not None
    whole = network()
    train(whole, pictures(), AUTO.model_copy(update={"precision": result.arithmetic.chosen}))
    assert same(state(whole), resumed)


def test_a_choice_is_made_once_and_decides_the_steps() -> None:
    from tasks.kernels.training import losses

    trainer = Trainer(network(), pictures(), AUTO, losses.supervised())
    trainer.arithmetic = PrecisionChoice("bfloat16", 2.0, 1.0, (2.0, 1.9, 2.1), 6, (0.7, 0.7), 0.1, "cpu")
    trainer.settle_precision()
    assert trainer.precision == "bfloat16"
    assert trainer.arithmetic.steps == 6


def test_the_host_is_part_of_the_key_only_where_it_decides() -> None:
    host = machine.host_name()
    assert TrainSpec().version is None
    assert AUTO.version is not None
    assert AUTO.version.startswith(host)
    assert (DistillationSpec(precision="auto").version or "").startswith(host)
    assert cache_key("train", {"spec": AUTO}) != cache_key("train", {"spec": AUTO.model_copy(update={"seed": 1})})
    assert Recover(precision="auto").training().precision == "auto"


def test_a_wrong_precision_is_named() -> None:
    with pytest.raises(ValidationError, match="'float32', 'bfloat16' or 'auto'"):
        TrainSpec.model_validate({"precision": "float16"})


def test_the_parts_of_the_validation_split_have_its_loss() -> None:
    data = pictures(count=200)
    found = validation_losses(network(), data)
    assert found.shape == (PARTS,)
    few = dataclasses.replace(data, validation_inputs=data.inputs[:7], validation_targets=data.targets[:7])
    assert validation_losses(network(), few).shape == (2,)
