"""Loops: order, rates, optimizers, prediction and batch-norm statistics against other formulations."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim import swa_utils

from tasks.kernels.host import measurement_lock
from tasks.kernels.training import loops, losses, optimizers
from tasks.kernels.training.step_rules import StepRules

CPU = torch.device("cpu")


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(64, 3)
        )


def pixels(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 2, 6, 6, generator=torch.Generator().manual_seed(seed))


def plain_examples(inputs: Tensor, targets: Tensor) -> loops.BatchSource:
    """Examples that the network sees as they are."""
    return loops.BatchSource(inputs, targets, lambda batch: batch, None, torch.Generator())


def test_seeded_depends_on_seed_and_epoch_alone_and_leaks_nothing() -> None:
    before = torch.random.get_rng_state()
    draws = {}
    for seed, epoch in [(0, 1), (0, 2), (1, 1), (0, 1)]:
        with loops.seeded(seed, epoch, CPU) as generator:
            drawn = (torch.rand(3, generator=generator).tolist(), torch.rand(3).tolist())
        assert draws.setdefault((seed, epoch), drawn) == drawn
    assert len({str(drawn) for drawn in draws.values()}) == 3
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (8, 4, [4, 4]), (1, 4, [1]), (3, 1, [1, 1, 1]), (3, 8, [3])],
)
def test_every_example_comes_once_and_no_last_batch_of_one(count: int, batch_size: int, sizes: list[int]) -> None:
    batches = loops.shuffled_batches(count, batch_size, torch.Generator().manual_seed(0))
    assert [len(batch) for batch in batches] == sizes
    assert sorted(torch.cat(batches).tolist()) == list(range(count))


def test_one_epoch_of_sgd_is_the_textbook_loop() -> None:
    inputs, targets = pixels(7), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    model, plain = (network().eval() for _ in range(2))
    for each in (model, plain):
        del each[3]
    batches = [torch.tensor([3, 1, 0]), torch.tensor([2, 6]), torch.tensor([5, 4])]
    loss = loops.train_epoch(
        model,
        loops.BatchSource(inputs, targets, lambda batch: batch * 2, lambda batch, _: batch + 1, torch.Generator()),
        batches,
        optimizers.make_optimizer("sgd", model, 1.0, momentum=0.0, weight_decay=0.0),
        objective=losses.supervised(),
        rate=lambda step: 0.1 / (step + 1),
    )
    plain.train()
    total = 0.0
    for step, indices in enumerate(batches):
        own = nn.functional.cross_entropy(plain((inputs[indices] + 1) * 2), targets[indices])
        gradients = torch.autograd.grad(own, list(plain.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(plain.parameters(), gradients, strict=True):
                parameter -= 0.1 / (step + 1) * gradient
        total += own.item() * len(indices)
    assert loss == pytest.approx(total / 7)
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_deadline_ends_an_epoch_after_the_step_that_crosses_it() -> None:
    steps: list[int] = []
    model = nn.Linear(1, 1)

    def rate(step: int) -> float:
        steps.append(step)
        return 0.0

    loops.train_epoch(
        model,
        plain_examples(torch.zeros(8, 1), torch.zeros(8)),
        list(torch.arange(8).split(2)),
        optimizers.make_optimizer("sgd", model, 0.1, momentum=0.0, weight_decay=0.0),
        objective=losses.supervised(),
        rate=rate,
        deadline=time.monotonic() - 1,
    )
    assert steps == [0]


def test_prediction_is_the_plain_forward_and_leaves_every_mode() -> None:
    model, inputs = network(), pixels(70)
    model.train()
    model[1].eval()
    outputs = loops.predict_all(model, inputs, lambda batch: batch * 2, batch_size=32)
    assert [module.training for module in model] == [True, False, True, True, True, True]
    assert outputs.shape == (70, 3)
    torch.testing.assert_close(outputs, model.eval()(inputs * 2).detach())


class Slow(nn.Linear):
    """Counts its batches, each of which takes a while; tells when the third has come."""

    def __init__(self) -> None:
        super().__init__(1, 1)
        self.batches, self.third = 0, threading.Event()

    def forward(self, inputs: Tensor) -> Tensor:
        time.sleep(0.015)
        self.batches += 1
        if self.batches == 3:
            self.third.set()
        return super().forward(inputs)


@pytest.mark.parametrize("loop", ["train_epoch", "predict", "recalibrate_batch_norm"])
def test_a_measurement_gets_in_between_two_batches(loop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    slow, inputs, seen = Slow(), torch.ones(60, 1), list[int]()

    def measure() -> None:
        slow.third.wait(30)
        with measurement_lock.exclusive_use() as heard_nobody:
            seen.append(slow.batches)
            time.sleep(0.1)
            seen.extend((slow.batches, int(heard_nobody)))

    thread = threading.Thread(target=measure)
    thread.start()
    if loop == "train_epoch":
        optimizer = torch.optim.SGD(slow.parameters(), lr=0.1)
        examples, batches = plain_examples(inputs, inputs), list(torch.arange(60).split(1))
        objective = losses.supervised(0.0)
        loops.train_epoch(slow, examples, batches, optimizer, objective=objective, rate=lambda step: 0.1)
    elif loop == "predict":
        loops.predict_all(slow, inputs, lambda batch: batch, batch_size=1)
    else:
        loops.recalibrate_batch_norm(nn.Sequential(slow, nn.BatchNorm1d(1)), [inputs[:2]] * 60)
    thread.join(30)
    before, after, quietly = seen
    assert 3 <= before == after < 60
    assert quietly
    assert slow.batches == 60


def test_layout_changes_strides_and_no_value() -> None:
    model = network()
    before = model[0].weight.detach().clone()
    loops.set_memory_layout(model, channels_last=True)
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(model[0].weight, before)
    loops.set_memory_layout(model, channels_last=False)
    assert model[0].weight.is_contiguous()


def test_layout_reaches_through_a_convolution_of_one_channel() -> None:
    model = nn.Conv2d(1, 4, 3)
    loops.set_memory_layout(model, channels_last=True)
    assert model(torch.zeros(2, 1, 8, 8)).is_contiguous(memory_format=torch.channels_last)
    loops.set_memory_layout(model, channels_last=False)
    assert model.weight.stride() == (9, 9, 3, 1)


def test_recalibrated_statistics_are_those_of_swa_utils() -> None:
    ours, theirs = network(), network()
    del theirs[3]
    batches = [pixels(16, seed) * 3 + 1 for seed in range(4)]
    loops.recalibrate_batch_norm(ours, batches)
    swa_utils.update_bn(batches, theirs)
    assert torch.equal(ours[1].running_mean, theirs[1].running_mean)
    assert torch.equal(ours[1].running_var, theirs[1].running_var)
    assert ours[1].momentum == 0.1


def test_recalibrated_mean_of_one_batch_is_its_mean() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2)).eval()
    loops.recalibrate_batch_norm(model, [torch.tensor([[1.0, 10.0], [3.0, 30.0]])])
    assert model[0].running_mean.tolist() == [2.0, 20.0]
    assert model[0].running_var.tolist() == [2.0, 200.0]
    assert not model[0].training


def test_without_batch_norm_no_batch_is_drawn() -> None:
    loops.recalibrate_batch_norm(nn.Linear(2, 2), (pytest.fail("drawn") for _ in range(1)))


def test_balanced_batches_have_all_classes_equally_often() -> None:
    targets = torch.tensor([0] * 30 + [2] * 5 + [3] * 6)
    batches = loops.balanced_batches(targets, 8, torch.Generator().manual_seed(0))
    drawn = torch.cat(batches)
    assert [len(batch) for batch in batches] == [8, 8, 8, 8, 9], "no last batch of one"
    assert torch.bincount(targets[drawn]).tolist() == [14, 0, 14, 13]
    rare = torch.bincount(drawn, minlength=41)[30:]
    assert rare.tolist().count(2) + rare.tolist().count(3) == 11, "the examples of a class come equally often"
    assert set(torch.bincount(drawn, minlength=41)[:30].tolist()) == {0, 1}


def test_accumulated_batches_are_one_step_of_the_whole() -> None:
    inputs, targets = pixels(10), torch.arange(10) % 3
    models = [network().eval() for _ in range(2)]
    for model, batches, count in zip(models, ([4, 4, 2], [10]), (3, 1), strict=True):
        del model[3], model[1]
        loops.train_epoch(
            model,
            plain_examples(inputs, targets),
            list(torch.arange(10).split(batches)),
            optimizers.make_optimizer("sgd", model, 1.0, momentum=0.0, weight_decay=0.0),
            objective=losses.supervised(),
            rate=lambda batch: 0.5,
            rules=StepRules(accumulate=count),
        )
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_loss_that_is_not_finite_names_its_batch_and_its_rate() -> None:
    model, inputs = nn.Linear(1, 1), torch.zeros(8, 1)
    inputs[5] = torch.nan
    with pytest.raises(loops.LossNotFinite) as caught:
        loops.train_epoch(
            model,
            plain_examples(inputs, torch.zeros(8)),
            list(torch.arange(8).split(2)),
            optimizers.make_optimizer("sgd", model, 0.1, momentum=0.0, weight_decay=0.0),
            objective=losses.supervised(),
            rate=lambda batch: 0.1 * (batch + 1),
        )
    assert (caught.value.batch, caught.value.rate) == (3, pytest.approx(0.3))
