"""Trainer: regularization, averages, imbalance and the best epoch, and that a kill changes no bit of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from support.small_trainings import network, pictures, same, state, train_with_kill

from tasks.core import Refusal
from tasks.kernels.training import loops
from tasks.training.train import train
from tasks.training.train_spec import RATES, EarlyStopping, TrainSpec
from tasks.training.trainer import Trainer
from tasks.training.training_data import class_weights

QUICK: dict[str, Any] = {"epochs": 4, "batch_size": 32, "learning_rate": 0.01, "early_stopping": None}
SETTINGS: dict[str, dict[str, Any]] = {
    "nesterov": {"optimizer": "sgd", "nesterov": True},
    "muon without decay": {"optimizer": "muon", "weight_decay": 0.0},
    "decay of weights": {"decay": "weights", "weight_decay": 0.1},
    "step": {"schedule": "step", "step_epochs": 2, "step_factor": 0.5},
    "linear with a warm-up": {"schedule": "linear", "warm_up": 1.5},
    "clipping and accumulation": {"clip_norm": 0.1, "accumulate": 2},
    "l1": {"l1": 0.01},
    "mixup": {"mixup": 0.4},
    "mixup and cutmix": {"mixup": 0.4, "cutmix": 1.0, "label_smoothing": 0.1},
    "ema": {"ema": 0.9},
    "class weights": {"class_weights": {"bright": 3}},
    "balanced sampling": {"sampling": "balanced"},
    "all together": {
        "optimizer": "muon",
        "accumulate": 2,
        "clip_norm": 1.0,
        "l1": 1e-4,
        "mixup": 0.2,
        "cutmix": 1.0,
        "ema": 0.95,
        "class_weights": "balanced",
        "sampling": "balanced",
        "warm_up": 1,
    },
    "rate by a range test": {"learning_rate": "auto", "ema": 0.9},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_changes_the_training_and_a_kill_does_not(tmp_path: Path, name: str) -> None:
    spec, data = TrainSpec(**(QUICK | SETTINGS[name])), pictures(rare=3)
    whole, plain = network(), network()
    expected = train(whole, data, spec)
    train(plain, data, TrainSpec(**QUICK))
    assert not same(state(whole), state(plain))
    resumed, result = train_with_kill(spec, data, tmp_path / "run", after=2)
    assert same(state(whole), resumed)
    assert [epoch.validation_loss for epoch in result.curve] == [epoch.validation_loss for epoch in expected.curve]
    assert result.note == ""


@pytest.mark.parametrize("name", SETTINGS)
def test_it_still_learns(name: str) -> None:
    result = train(network(), pictures(), TrainSpec(**(QUICK | {"epochs": 20} | SETTINGS[name])))
    assert max(epoch.validation_score for epoch in result.curve) > 0.85


def test_settings_that_are_not_used_leave_the_identity_as_it_was() -> None:
    assert set(TrainSpec().model_dump(mode="json")) == {
        *("epochs", "minutes", "batch_size", "optimizer", "learning_rate", "momentum", "weight_decay"),
        *("schedule", "label_smoothing", "early_stopping", "precision", "seed"),
    }
    made = TrainSpec(**(QUICK | SETTINGS["all together"]))
    assert TrainSpec.model_validate(made.model_dump(mode="json")) == made


@pytest.mark.parametrize("optimizer", RATES)
def test_each_optimizer_has_its_own_rate_where_none_is_named(optimizer: str) -> None:
    spec = TrainSpec.model_validate({"optimizer": optimizer})
    assert spec.learning_rate == RATES[spec.optimizer]
    assert spec.model_dump(exclude_unset=True) == {"optimizer": optimizer}, "another optimizer gets another rate"


def test_what_is_scored_and_kept_is_the_average() -> None:
    model, data, spec = network(), pictures(), TrainSpec(**(QUICK | {"ema": 0.9, "schedule": "constant"}))
    trainer = Trainer(model, data, spec, None)
    for _ in range(4):
        trainer.train_epoch()
    assert trainer.average is not None
    own, average = state(model), dict(trainer.average.state)
    assert not same(own, average)
    best = trainer.finish()
    outputs = loops.predict_all(model, data.validation_inputs, data.transform)
    assert torch.nn.functional.cross_entropy(outputs, data.validation_targets).item() == best.validation_loss
    if best.number == 4:
        assert same(state(model), average)


def test_early_stopping_restores_the_best_epoch() -> None:
    model, data, states = network(), pictures(), list[dict[str, torch.Tensor]]()
    stopping = EarlyStopping(patience=2)
    spec = TrainSpec(epochs=60, batch_size=32, learning_rate=0.2, schedule="constant", early_stopping=stopping)
    result = train(model, data, spec, on_epoch=lambda _: states.append(state(model)))
    assert result.stopped == "early stopping"
    assert result.best_epoch == len(result.curve) - 2
    assert same(state(model), states[result.best_epoch - 1])
    assert not same(state(model), states[-1])


def test_weights_of_classes_by_name_and_balanced() -> None:
    data = pictures(rare=4)
    by_name = class_weights(data, TrainSpec(class_weights={"bright": 3}))
    assert by_name is not None
    assert by_name.tolist() == [1, 3]
    balanced = class_weights(data, TrainSpec(class_weights="balanced"))
    assert balanced is not None
    counts = torch.bincount(data.targets)
    assert (balanced * counts).tolist() == pytest.approx([97 / 2, 97 / 2])
    assert class_weights(data, TrainSpec()) is None
    with pytest.raises(Refusal, match="'light', which is no class"):
        class_weights(data, TrainSpec(class_weights={"light": 2}))


def test_balance_finds_the_rare_class() -> None:
    """One of ten is bright: plain training answers dark at first."""
    data = pictures(400, rare=10)

    def found(**settings: Any) -> float:
        model = network()
        train(model, data, TrainSpec(**(QUICK | {"epochs": 2, "learning_rate": 1e-3} | settings)))
        answers = loops.predict_all(model, data.validation_inputs, data.transform).argmax(1)
        return (answers[data.validation_targets == 1] == 1).float().mean().item()

    plain = found()
    assert found(sampling="balanced") > plain + 0.2
    assert found(class_weights="balanced") > plain + 0.2


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        ({"optimizer": "sgd", "momentum": 0, "nesterov": True}, "needs a momentum above 0"),
        ({"schedule": "one_cycle", "warm_up": 1}, "one_cycle begins with its own"),
        ({"ema": 1}, "less than 1"),
        ({"class_weights": {"a": 0}}, "numbers above 0"),
        ({"accumulate": 0}, "greater than or equal to 1"),
    ],
)
def test_what_breaks_a_law_is_refused(wrong: dict[str, Any], law: str) -> None:
    with pytest.raises(ValidationError, match=law):
        TrainSpec.model_validate(wrong)
