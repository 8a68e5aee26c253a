"""Recovery rate: high where a network's layers are normalized, as before everywhere else."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from tasks.architectures import convnet, mlp, resnet20, transformer
from tasks.techniques.quantization.quantize_aware import QuantizeAware
from tasks.training.distillation import train_with_teacher
from tasks.training.recovery import Recover
from tasks.training.speed.recovery_rate import CAREFUL, is_normalized, recovery_rate
from tasks.training.student import Distill
from tasks.training.training_data import TrainingData

SHAPE = (1, 8, 8)
NETWORKS = {
    "resnet20": resnet20((3, 32, 32), 10),
    "convnet": convnet(SHAPE, 10, width=4, depth=2),
    "mlp": mlp(SHAPE, 10, width=8, depth=2),
    "transformer": transformer(SHAPE, 10, width=8, depth=1),
}


def pictures() -> TrainingData:
    inputs = torch.randn(64, *SHAPE, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(64) % 10
    return TrainingData(inputs, targets, inputs, targets, lambda batch: batch)


def state(network: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in network.state_dict().values()]


def test_a_network_is_normalized_where_every_second_layer_is() -> None:
    found = {name: is_normalized(network) for name, network in NETWORKS.items()}
    assert found == {"resnet20": True, "convnet": True, "mlp": False, "transformer": False}
    front = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    assert not is_normalized(front), "one norm before three layers"
    assert not is_normalized(nn.ReLU())


def test_a_fake_quantized_network_is_not_normalized_any_more() -> None:
    network, batches = NETWORKS["convnet"], [(pictures().inputs, pictures().targets)]
    assert not is_normalized(QuantizeAware().apply(network, QuantizeAware().plan(network, batches)))


def test_the_rate_follows_the_network_and_the_optimizer() -> None:
    rates = [recovery_rate(NETWORKS["resnet20"], name) for name in ("adamw", "adam", "muon", "sgd", "rmsprop")]
    assert rates == [4e-3, 4e-3, 5e-3, 0.02, CAREFUL]
    assert {recovery_rate(NETWORKS["transformer"], name) for name in ("adamw", "muon", "sgd")} == {CAREFUL}


@pytest.mark.parametrize(("name", "rate"), [("convnet", 4e-3), ("mlp", 1e-3), ("transformer", 1e-3)])
def test_a_recovery_trains_at_the_rate_of_its_student(name: str, rate: float) -> None:
    teacher, spec = NETWORKS[name], Recover(epochs=1, batch_size=16, seed=1)
    ends = []
    for each in (spec, spec.model_copy(update={"learning_rate": rate})):
        student = copy.deepcopy(teacher)
        result = train_with_teacher(student, teacher, pictures(), each)
        ends.append((result.curve[-1].train_loss, state(student)))
    assert ends[0][0] == ends[1][0]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(ends[0][1], ends[1][1], strict=True))


def test_a_rate_that_is_given_is_kept_and_a_distilled_student_has_its_own() -> None:
    assert Recover(learning_rate=0.03).training(NETWORKS["resnet20"]).learning_rate == 0.03
    assert Recover(optimizer="sgd").training(NETWORKS["resnet20"]).learning_rate == 0.02
    assert Recover().training().learning_rate == "auto", "there is no student yet"
    assert Distill(factory="nets:any").training(NETWORKS["resnet20"]).learning_rate == 1e-3
