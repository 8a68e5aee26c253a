"""Training: what it learns, when it ends, which weights it leaves, and that a kill changes no bit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from support.small_trainings import Killed, kill_after, network, same, state
from torch import Generator, Tensor, nn

from tasks.core import MetricSpec, Refusal
from tasks.kernels.statistics import metrics
from tasks.kernels.training import loops
from tasks.kernels.training.draws import Draws
from tasks.kernels.training.learning_curve import Epoch
from tasks.training import trainer
from tasks.training.train import settle_rate, train
from tasks.training.train_spec import EarlyStopping, TrainSpec
from tasks.training.training_data import TrainingData

QUICK = TrainSpec(epochs=4, batch_size=32, learning_rate=0.01, early_stopping=None)


def shift(batch: Tensor, draws: Draws) -> Tensor:
    return batch.roll(int(torch.randint(3, (1,), generator=draws.generator)), 3)


def pictures(count: int = 97) -> TrainingData:
    """Class 1 is brighter in its upper half. 97 = 3 * 32 + 1: the last batch would hold one example."""
    generator = torch.Generator().manual_seed(7)
    inputs = torch.randint(0, 200, (2 * count, 1, 6, 6), generator=generator).to(torch.uint8)
    targets = torch.arange(2 * count) % 2
    inputs[targets == 1, :, :3] += 55
    return TrainingData(
        inputs[:count],
        targets[:count],
        inputs[count:],
        targets[count:],
        lambda batch: batch.float() / 255,
        shift,
    )


def line(count: int = 64) -> TrainingData:
    """y = 3 x - 1."""
    inputs = torch.linspace(-1, 1, 2 * count)[torch.randperm(2 * count, generator=Generator().manual_seed(0))]
    inputs, targets = inputs[:, None], 3 * inputs - 1
    return TrainingData(inputs[:count], targets[:count], inputs[count:], targets[count:], lambda batch: batch)


def zeroed(model: nn.Linear) -> nn.Linear:
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    return model


def never(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """The objective of a training that must not take a step."""
    pytest.fail("a step was trained")


def test_it_learns_and_the_curve_is_complete() -> None:
    model, seen = network(), list[Epoch]()
    result = train(model, pictures(), QUICK.model_copy(update={"epochs": 20}), on_epoch=seen.append)
    assert result.stopped == "epochs"
    assert [epoch.number for epoch in result.curve] == list(range(1, 21))
    assert tuple(seen) == result.curve
    assert max(epoch.validation_score for epoch in result.curve) > 0.9
    assert result.minutes == pytest.approx(sum(epoch.seconds for epoch in result.curve) / 60)
    assert not model.training
    assert model[0].weight.is_contiguous()


def test_a_quantile_is_trained_with_its_own_loss() -> None:
    """Nine of ten of the exponential targets lie below what is predicted for the quantile 0.9."""
    inputs = torch.ones(400, 1)
    targets = torch.distributions.Exponential(1.0).icdf(torch.arange(0.5, 400) / 400)
    metric = MetricSpec("quantile_loss", "regression", quantile=0.9)
    data = TrainingData(
        inputs, targets, inputs, targets, lambda batch: batch, metric=metric, target={"std": 2.0, "mean": 100.0}
    )
    model = zeroed(nn.Linear(1, 1))
    spec = TrainSpec(epochs=60, batch_size=40, learning_rate=0.05, weight_decay=0, early_stopping=None)
    result = train(model, data, spec)
    found = model(torch.ones(1, 1)).item()
    assert found == pytest.approx(2.303, abs=0.1)
    best = result.curve[result.best_epoch - 1]
    assert best.validation_score == pytest.approx(2.0 * best.validation_loss, rel=1e-4), "in the data's own unit"


def test_regression_finds_the_line() -> None:
    model = zeroed(nn.Linear(1, 1))
    spec = TrainSpec(
        epochs=40,
        batch_size=16,
        learning_rate=0.05,
        optimizer="sgd",
        weight_decay=0,
        early_stopping=None,
    )
    result = train(model, dataclasses.replace(line(), metric=MetricSpec("rmse")), spec)
    assert model.weight.item() == pytest.approx(3, abs=1e-3)
    assert model.bias.item() == pytest.approx(-1, abs=1e-3)
    best = result.curve[result.best_epoch - 1]
    assert best.validation_score == pytest.approx(best.validation_loss**0.5, rel=1e-4)
    assert best.validation_score == min(epoch.validation_score for epoch in result.curve)


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "roc_auc", "f1"])
def test_the_model_is_left_with_the_best_epochs_weights(metric: str) -> None:
    model, data, states = (
        network(),
        dataclasses.replace(pictures(), metric=MetricSpec(metric)),
        list[dict[str, Tensor]](),
    )
    spec = QUICK.model_copy(update={"epochs": 6, "learning_rate": 0.1, "schedule": "constant"})
    result = train(model, data, spec, on_epoch=lambda _: states.append(state(model)))
    assert same(state(model), states[result.best_epoch - 1])
    outputs = loops.predict_all(model, data.validation_inputs, data.transform).numpy()
    score = metrics.METRICS[metric].value(outputs, data.validation_targets.numpy())
    assert score == result.curve[result.best_epoch - 1].validation_score


def test_the_seed_decides_everything_and_nothing_leaks() -> None:
    before = torch.random.get_rng_state()
    models = [network() for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        train(model, pictures(), QUICK.model_copy(update={"seed": seed}))
        torch.rand(5, generator=Generator().manual_seed(seed))
    assert same(state(models[0]), state(models[1]))
    assert not same(state(models[0]), state(models[2]))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "adagrad", "rmsprop", "muon"])
@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_killed_run_ends_with_the_same_bits(tmp_path: Path, optimizer: str, killed_after: int) -> None:
    spec = TrainSpec(**(QUICK.model_dump() | {"optimizer": optimizer, "schedule": "one_cycle"}))
    whole, broken, resumed = network(), network(), network()
    expected = train(whole, pictures(), spec)
    with pytest.raises(Killed):
        train(broken, pictures(), spec, checkpoint=tmp_path / "run", on_epoch=kill_after(killed_after))
    seen = list[Epoch]()
    result = train(resumed, pictures(), spec, checkpoint=tmp_path / "run", on_epoch=seen.append)
    assert [epoch.number for epoch in seen] == list(range(1, 5)), "at first those of the checkpoint"
    assert same(state(whole), state(resumed))
    assert timeless(result.curve) == timeless(expected.curve)
    assert result.best_epoch == expected.best_epoch
    assert result.note == ""


def timeless(curve: tuple[Epoch, ...]) -> list[Epoch]:
    return [dataclasses.replace(epoch, seconds=0) for epoch in curve]


def test_a_finished_checkpoint_answers_without_training(tmp_path: Path) -> None:
    first, again = network(), network()
    spec = QUICK.model_copy(update={"early_stopping": EarlyStopping(patience=1, min_delta=1)})
    result = train(first, pictures(), spec, checkpoint=tmp_path / "run")
    assert result.stopped == "early stopping"
    seen = list[Epoch]()
    repeated = train(again, pictures(), spec, objective=never, checkpoint=tmp_path / "run", on_epoch=seen.append)
    assert repeated == result
    assert tuple(seen) == result.curve
    assert same(state(first), state(again))


@pytest.mark.parametrize("way", ["half", "altered", "spec", "weights", "targets", "shape"])
def test_a_broken_or_foreign_checkpoint_is_named_and_not_used(tmp_path: Path, way: str) -> None:
    path, data, spec, seed = tmp_path / "run", pictures(), QUICK, 0
    train(network(), data, spec, checkpoint=path)
    written = path.read_bytes()
    match way:
        case "half":
            path.write_bytes(written[: len(written) // 2])
        case "altered":
            path.write_bytes(written[:-9] + bytes([written[-9] ^ 1]) + written[-8:])
        case "spec":
            spec = QUICK.model_copy(update={"epochs": 2})
        case "weights":
            seed = 1
        case "targets":
            data = dataclasses.replace(data, targets=1 - data.targets)
        case "shape":
            data = pictures(64)
    model, fresh, again = (network(seed) for _ in range(3))
    result = train(model, data, spec, checkpoint=path)
    assert str(path) in result.note
    assert ("half-written" if way in ("half", "altered") else "another training") in result.note
    train(fresh, data, spec)
    assert same(state(model), state(fresh))
    assert train(again, data, spec, checkpoint=path).note == ""


def test_early_stopping_waits_for_its_patience() -> None:
    spec = TrainSpec(epochs=50, learning_rate=1e-9, early_stopping=EarlyStopping(patience=3, min_delta=0.2))
    result = train(network(), pictures(), spec)
    assert result.stopped == "early stopping"
    assert len(result.curve) == 4


def test_told_to_stop_and_then_to_go_on(tmp_path: Path) -> None:
    model, whole = network(), network()
    result = train(model, pictures(), QUICK, checkpoint=tmp_path / "run", on_epoch=lambda e: e.number == 2)
    assert result.stopped == "told to stop"
    assert len(result.curve) == 2
    model = network()
    assert train(model, pictures(), QUICK, checkpoint=tmp_path / "run").stopped == "epochs"
    train(whole, pictures(), QUICK)
    assert same(state(model), state(whole))


def test_a_resumed_training_is_heard_from_its_first_epoch(tmp_path: Path) -> None:
    broken, resumed = list[Epoch](), list[Epoch]()

    def kill(epoch: Epoch) -> None:
        broken.append(epoch)
        kill_after(2)(epoch)

    with pytest.raises(Killed):
        train(network(), pictures(), QUICK, checkpoint=tmp_path / "run", on_epoch=kill)
    result = train(network(), pictures(), QUICK, checkpoint=tmp_path / "run", on_epoch=resumed.append)
    assert [epoch.number for epoch in broken] == [1, 2]
    assert resumed[:2] == broken, "the same, to the second that they took"
    assert tuple(resumed) == result.curve


def test_the_starting_weights_are_no_epoch_that_is_heard(tmp_path: Path) -> None:
    for _ in range(2):
        seen = list[Epoch]()
        result = train(network(), pictures(), QUICK, checkpoint=tmp_path / "run", on_epoch=seen.append, keep_start=True)
        assert [epoch.number for epoch in result.curve] == [0, 1, 2, 3, 4]
        assert tuple(seen) == result.curve[1:]


def test_what_was_told_to_stop_stays_stopped(tmp_path: Path) -> None:
    def stop(epoch: Epoch) -> bool:
        return epoch.number == 2

    first, again = network(), network()
    result = train(first, pictures(), QUICK, checkpoint=tmp_path / "run", on_epoch=stop)
    repeated = train(again, pictures(), QUICK, objective=never, checkpoint=tmp_path / "run", on_epoch=stop)
    assert (repeated.stopped, len(repeated.curve)) == ("told to stop", 2)
    assert repeated == result
    assert same(state(first), state(again))


class EvenClock:
    """A clock that goes on by a millisecond whenever it is read, so that a busy machine does not decide a test."""

    def __init__(self) -> None:
        self.reading = 0.0

    def monotonic(self) -> float:
        self.reading += 0.001
        return self.reading


def test_minutes_end_it_and_the_schedule_reaches_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = EvenClock()
    monkeypatch.setattr(trainer, "time", clock)
    monkeypatch.setattr(loops, "time", clock)
    spec = TrainSpec(epochs=10_000, minutes=0.01, learning_rate=0.01, early_stopping=None)
    result = train(network(), pictures(), spec)
    assert result.stopped == "minutes"
    assert 0.01 <= result.minutes < 0.011
    assert 190 < len(result.curve) < 210
    assert result.curve[-1].learning_rate < 0.0001


def test_a_first_epoch_that_is_not_finite_is_refused_with_the_learning_rate() -> None:
    data = pictures()
    spec = TrainSpec(epochs=2, optimizer="sgd", learning_rate=1e30)
    with pytest.raises(Refusal, match=r"learning rate 1e\+30"):
        train(network(), data, spec)


def test_a_later_divergence_keeps_the_best_weights() -> None:
    model, data, good = network(), pictures(), list[dict[str, Tensor]]()

    def poisoned(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = nn.functional.cross_entropy(model(inputs), targets)
        return loss * float("nan") if good else loss

    spec = QUICK.model_copy(update={"epochs": 5})
    result = train(model, data, spec, objective=poisoned, on_epoch=lambda _: good.append(state(model)))
    assert result.stopped == "diverged"
    assert result.best_epoch == len(result.curve) == 1
    assert "not finite in epoch 2, batch 1 of 3, at learning rate 0.00905" in result.divergence
    assert "lower train.learning_rate" in result.divergence
    assert same(state(model), good[0])


def test_starting_weights_can_take_part() -> None:
    model, data = network(), pictures()
    train(model, data, QUICK)
    start = state(model)
    ruin = TrainSpec(epochs=2, optimizer="sgd", learning_rate=50.0, weight_decay=0.0)
    result = train(model, data, ruin, keep_start=True)
    assert result.best_epoch == 0
    assert result.curve[0].number == 0
    assert result.curve[0].train_loss is None
    assert same(state(model), start)


def test_nothing_of_the_training_stays_in_the_model() -> None:
    model = network()
    train(model, pictures(), QUICK)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_bfloat16_steps_keep_float32_weights() -> None:
    model = network()
    result = train(model, pictures(), QUICK.model_copy(update={"epochs": 20, "precision": "bfloat16"}))
    assert model[0].weight.dtype == torch.float32
    assert max(epoch.validation_score for epoch in result.curve) > 0.9


def test_a_frozen_model_and_a_metric_without_a_value_are_refused() -> None:
    with pytest.raises(Refusal, match="no parameter that can be trained"):
        train(network().requires_grad_(False), pictures(), QUICK)
    targets = torch.zeros(97, dtype=torch.int64)
    one_class = dataclasses.replace(pictures(), validation_targets=targets, metric=MetricSpec("roc_auc"))
    with pytest.raises(Refusal, match="ROC AUC has no value"):
        train(network(), one_class, QUICK)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": 10_001},
        {"learning_rate": 0},
        {"batch_size": 0},
        {"optimizer": "lion"},
        {"epoch": 3},
    ],
)
def test_what_breaks_a_law_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrainSpec.model_validate(wrong)


AUTO = TrainSpec(epochs=3, batch_size=32, learning_rate="auto", early_stopping=None)


def test_a_range_test_finds_the_rate_and_leaves_the_network_as_it_was() -> None:
    model = network()
    before, numbers = state(model), torch.random.get_rng_state()
    spec, found = settle_rate(model, pictures(), AUTO, None)
    assert found is not None
    assert spec == AUTO.model_copy(update={"learning_rate": found.chosen})
    assert 1e-4 < found.chosen < 1
    assert same(state(model), before)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), numbers)
    assert settle_rate(model, pictures(), AUTO, None)[1] == found
    assert settle_rate(model, pictures(), spec, None) == (spec, None)


def test_the_training_is_the_one_with_this_rate_and_has_the_test_in_its_result() -> None:
    one, other = network(), network()
    result = train(one, pictures(), AUTO)
    assert result.rate_range is not None
    train(other, pictures(), AUTO.model_copy(update={"learning_rate": result.rate_range.chosen}))
    assert same(state(one), state(other))


def test_a_loss_that_no_rate_lowers_is_refused() -> None:
    data = dataclasses.replace(pictures(), transform=lambda batch: batch.float() * torch.nan)
    with pytest.raises(Refusal, match="no learning rate from 1e-06 lowers the loss in a range test"):
        train(network(), data, AUTO)
