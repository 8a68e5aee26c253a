"""Recovery: stage by stage, it follows its teacher, never ends worse than it began, and survives a kill."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tasks.core import MetricSpec
from tasks.kernels.statistics.metrics import METRICS
from tasks.kernels.training import loops
from tasks.kernels.training.learning_curve import Epoch
from tasks.training.distillation import teacher_objective, train_with_teacher
from tasks.training.recovery import Recover, Recovery, recover_network
from tasks.training.repair import recalibrate
from tasks.training.train import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingData, TrainingResult
from tasks.training.validation import validate


def network(seed: int = 0, width: int = 16) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 2))


def rings(count: int = 200, metric: str = "accuracy") -> TrainingData:
    """Class 1 lies outside the circle that holds half of a standard normal plane."""
    inputs = torch.randn(2 * count, 2, generator=torch.Generator().manual_seed(3))
    targets = (inputs.norm(dim=1) > 1.177).long()
    parts = (inputs[:count], targets[:count], inputs[count:], targets[count:])
    return TrainingData(*parts, lambda batch: batch, metric=MetricSpec(metric))


@pytest.fixture(scope="module")
def teacher() -> nn.Sequential:
    model = network()
    train(model, rings(), TrainSpec(epochs=30, batch_size=32, learning_rate=0.02, early_stopping=None))
    return model


def damaged(teacher: nn.Sequential) -> nn.Sequential:
    """The teacher with noise in its weights and forgotten statistics."""
    student = copy.deepcopy(teacher)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter += 0.5 * torch.randn(parameter.shape, generator=generator)
    student[1].reset_running_stats()
    return student


def trained(result: Recovery) -> TrainingResult:
    assert result.training is not None
    return result.training


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(state(one).values(), state(other).values(), strict=True))


def test_recovery_brings_a_damaged_student_close_to_its_teacher(teacher: nn.Sequential) -> None:
    student, data, before = damaged(teacher), rings(), state(teacher)
    result = trained(recover_network(student, teacher, data, Recover(epochs=15, batch_size=32, learning_rate=0.02)))
    assert result.curve[0].number == 0
    assert result.curve[result.best_epoch].validation_score > result.curve[0].validation_score + 0.03
    agreement = [
        loops.predict_all(each, data.validation_inputs, data.transform).argmax(1) for each in (student, teacher)
    ]
    assert (agreement[0] == agreement[1]).float().mean() > 0.93
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())
    assert not teacher.training


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_recovery_never_ends_worse_than_its_best_stage(teacher: nn.Sequential, metric: str) -> None:
    student, data = damaged(teacher), rings(metric=metric)
    start = copy.deepcopy(student)
    recover_network(start, teacher, data, Recover(until="reconstruct", batch_size=32))
    ruin = Recover(epochs=2, batch_size=32, optimizer="sgd", learning_rate=1e6)
    result = trained(recover_network(student, teacher, data, ruin))
    scores = [epoch.validation_score for epoch in result.curve]
    assert result.curve[result.best_epoch].validation_score == (min if METRICS[metric].lower_is_better else max)(scores)
    assert result.best_epoch == 0
    assert same(student, start)


def test_statistics_are_recomputed_before_training(teacher: nn.Sequential) -> None:
    """All 192 examples of the six whole batches: the plain average of the batches' means is their mean."""
    student, data = damaged(teacher), rings(192)
    recalibrate(student, data, 32, 0)
    hidden = student[0](data.inputs).detach()
    torch.testing.assert_close(student[1].running_mean, hidden.mean(0))


def test_a_killed_recovery_ends_with_the_same_bits(teacher: nn.Sequential, tmp_path: Path) -> None:
    spec = Recover(epochs=4, batch_size=32, learning_rate=0.02)
    whole, broken, resumed = (damaged(teacher) for _ in range(3))
    recover_network(whole, teacher, rings(), spec)

    def kill(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recover_network(broken, teacher, rings(), spec, checkpoint=tmp_path / "run", on_epoch=kill)
    result = recover_network(resumed, teacher, rings(), spec, checkpoint=tmp_path / "run")
    assert trained(result).note == ""
    assert [epoch.number for epoch in trained(result).curve] == [0, 1, 2, 3, 4]
    assert same(whole, resumed)


def test_the_teachers_batch_reaches_the_objective_without_a_gradient(teacher: nn.Sequential) -> None:
    student, data = damaged(teacher), rings()
    teacher_objective(teacher, 4.0, 0.1)(student, data.inputs, data.targets).backward()
    assert all(parameter.grad is not None for parameter in student.parameters())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_regression_learns_from_its_teacher_alone() -> None:
    """With no hard share, the targets do not matter: the student finds the teacher's line."""
    teacher, student = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        for parameter, value in [(teacher.weight, 2.0), (teacher.bias, 0.5), (student.weight, 0.0)]:
            parameter.fill_(value)
    inputs = torch.linspace(-1, 1, 64)[:, None]
    truth = teacher(inputs).detach().flatten()
    data = TrainingData(inputs, torch.zeros(64), inputs, truth, lambda batch: batch, metric=MetricSpec("rmse"))
    spec = Recover(epochs=40, batch_size=16, optimizer="adam", learning_rate=0.2, hard_weight=0.0)
    recover_network(student, teacher, data, spec)
    assert student.weight.item() == pytest.approx(2.0, abs=0.02)
    assert student.bias.item() == pytest.approx(0.5, abs=0.02)


def test_the_knobs_are_those_of_training_without_early_stopping() -> None:
    spec = Recover(epochs=7, minutes=2.5, seed=3).training()
    assert (spec.epochs, spec.minutes, spec.seed, spec.schedule) == (7, 2.5, 3, "one_cycle")
    assert spec.early_stopping is None


# --- stages --------------------------------------------------------------------------------------------------


def tried(result: Recovery) -> list[str]:
    return [stage.rung for stage in result.rungs]


def test_each_stage_is_scored_and_the_best_is_left(teacher: nn.Sequential) -> None:
    student, data = damaged(teacher), rings()
    result = recover_network(student, teacher, data, Recover(until="reconstruct", batch_size=32), kept={})
    assert tried(result) == ["as it is", "recalibrate", "reconstruct"]
    assert result.training is None
    scores = [stage.score for stage in result.rungs]
    found = validate(student, data)
    assert found is not None
    assert found.score == max(score for score in scores if score is not None)
    # Every layer has its counterpart and the inputs are whole: closed form finds the teacher again.
    assert found.score == pytest.approx(validate(teacher, data).score, abs=0.01)  # type: ignore[union-attr]
    assert [stage.best for stage in result.rungs] == [True, True, True]
    assert result.rungs[2].note == "2 layers on 200 examples"


def test_a_stage_that_does_harm_is_undone(teacher: nn.Sequential) -> None:
    """The examples to train on are all alike: what is fitted to them says nothing of the others."""
    student, data = copy.deepcopy(teacher), rings()
    alike = TrainingData(
        data.inputs[:1].repeat(200, 1) + 5,
        data.targets,
        data.validation_inputs,
        data.validation_targets,
        data.transform,
    )
    result = recover_network(student, teacher, alike, Recover(until="recalibrate", batch_size=32))
    assert [stage.best for stage in result.rungs] == [True, False]
    assert same(student, teacher)


def test_a_stage_that_does_not_suit_is_left_out_with_a_reason(teacher: nn.Sequential) -> None:
    bare = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))
    result = recover_network(bare, teacher, rings(), Recover(until="reconstruct"))
    assert [stage.score is None for stage in result.rungs] == [False, True, True]
    assert [stage.note for stage in result.rungs[1:]] == [
        "it has no batch norm",
        "nothing changed since its last training, or its layers are not the teacher's",
    ]
    other = recover_network(bare, nn.Linear(2, 2), rings(), Recover(until="reconstruct"), kept={})
    assert other.rungs[2].note == "none of its layers is one of the teacher's"


def test_repair_ends_within_the_margin(teacher: nn.Sequential) -> None:
    data = rings()
    spec = Recover(stop_when_within=0.0, epochs=1, batch_size=32)
    assert tried(recover_network(copy.deepcopy(teacher), teacher, data, spec)) == ["as it is"]
    repaired = recover_network(damaged(teacher), teacher, data, spec, kept={})
    assert tried(repaired) == ["as it is", "recalibrate", "reconstruct"]
    assert repaired.training is None
    loss = recover_network(copy.deepcopy(teacher), teacher, rings(metric="log_loss"), spec)
    assert tried(loss) == ["as it is"], "the lower the better"


def test_a_record_tells_of_stages_and_training_alike(teacher: nn.Sequential) -> None:
    short = recover_network(damaged(teacher), teacher, rings(), Recover(until="recalibrate")).record()
    assert short.keys() == {"minutes", "rungs"}
    assert short["minutes"] == pytest.approx(sum(stage["seconds"] for stage in short["rungs"]) / 60)
    whole = recover_network(damaged(teacher), teacher, rings(), Recover(epochs=1)).record()
    assert whole.keys() == {*(field.name for field in dataclasses.fields(TrainingResult)), "rungs"}
    assert whole["minutes"] > sum(epoch["seconds"] for epoch in whole["curve"]) / 60


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "adagrad", "rmsprop", "muon"])
def test_pruned_weights_stay_zero(teacher: nn.Sequential, optimizer: str) -> None:
    student = copy.deepcopy(teacher)
    with torch.no_grad():
        student[3].weight[:, ::2] = 0
    start = copy.deepcopy(student[3].weight)
    spec = Recover(epochs=2, batch_size=32, optimizer=optimizer, learning_rate=0.01)  # type: ignore[arg-type]
    result = recover_network(student, teacher, rings(), spec, kept={})
    assert trained(result).best_epoch > 0 or result.rungs[2].best
    assert (student[3].weight[:, ::2] == 0).all()
    assert (student[3].weight[:, 1::2] != start[:, 1::2]).any()
    assert not student[3].weight._backward_hooks


@pytest.mark.parametrize(
    "setting", [{"weight_decay": 1.0}, {"mixup": 1.0}, {"ema": 0.9}, {"clip_norm": 0.01}, {"l1": 0.1}]
)
def test_a_recovery_has_the_settings_of_a_training(teacher: nn.Sequential, setting: dict[str, float]) -> None:
    plain = Recover(epochs=1, batch_size=32, optimizer="sgd", learning_rate=0.01)
    asked = Recover.model_validate({**plain.model_dump(), **setting})
    assert asked.training().model_dump().items() >= setting.items()
    losses = [
        train_with_teacher(damaged(teacher), teacher, rings(), spec).curve[-1].validation_loss
        for spec in (plain, plain.model_copy(), asked)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_settings_that_are_not_set_leave_no_trace_in_the_record() -> None:
    assert Recover().model_dump().keys() == {
        *("step", "until", "stop_when_within", "epochs", "minutes", "batch_size", "optimizer", "learning_rate"),
        *("schedule", "temperature", "hard_weight", "precision", "seed"),
    }
    assert Recover(nesterov=True, optimizer="sgd").model_dump()["nesterov"] is True
