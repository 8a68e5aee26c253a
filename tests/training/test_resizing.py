"""Progressive resizing: early epochs see smaller images, a kill changes nothing, and fixed networks are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.small_trainings import Killed, kill_after, network, pictures, same, state
from torch import Tensor, nn

from tasks.architectures import convnet
from tasks.core import Refusal
from tasks.training.speed.resizing import check_small_images
from tasks.training.train import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingData

SMALL = TrainSpec(epochs=6, batch_size=32, learning_rate=0.01, progressive_resizing=0.5, early_stopping=None)


def large_pictures() -> TrainingData:
    """The small pictures with each pixel twelve times, 24 × 24."""
    data = pictures()
    wide = [each.repeat_interleave(4, 2).repeat_interleave(4, 3) for each in (data.inputs, data.validation_inputs)]
    return TrainingData(wide[0], data.targets, wide[1], data.validation_targets, data.transform)


def test_sides_grow_to_their_own_size_and_validation_always_has_it() -> None:
    model, seen = convnet((1, 24, 24), 2, width=4, depth=2), list[tuple[bool, int]]()
    model.register_forward_pre_hook(lambda network, given: seen.append((network.training, given[0].shape[-1])))
    train(model, large_pictures(), SMALL)
    assert list(dict.fromkeys(side for training, side in seen if training)) == [12, 16, 20, 24]
    assert {side for training, side in seen if not training} == {12, 24}, "12 is the trial before the training"
    assert [side for training, side in seen if training][-6:] == [24] * 6, "the last two epochs, of three batches"


def test_a_kill_changes_no_bit(tmp_path: Path) -> None:
    def fresh() -> nn.Module:
        torch.manual_seed(0)
        return convnet((1, 24, 24), 2, width=4, depth=2)

    whole, killed, resumed = fresh(), fresh(), fresh()
    train(whole, large_pictures(), SMALL)
    with pytest.raises(Killed):
        train(killed, large_pictures(), SMALL, checkpoint=tmp_path / "run", on_epoch=kill_after(2))
    train(resumed, large_pictures(), SMALL, checkpoint=tmp_path / "run")
    assert same(state(whole), state(resumed))


def test_a_network_of_one_size_is_refused_before_it_is_trained() -> None:
    model = network()
    with pytest.raises(Refusal) as caught:
        train(model, pictures(), SMALL)
    said = "Sequential takes images of 6 × 6 pixels, not of 4 × 4: leave out train.progressive_resizing"
    assert str(caught.value) == said


def test_a_network_whose_answer_depends_on_the_size_is_refused() -> None:
    class Flat(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.flatten(1)

    with pytest.raises(Refusal, match="takes images of 8 × 8 pixels, not of 4 × 4"):
        check_small_images(Flat(), torch.zeros(2, 1, 8, 8), 0.5)
