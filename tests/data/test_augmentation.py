"""Augmentation steps: their tags, their laws, the data that they suit, and their composition."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from typing import Any, get_args

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from support.datasets import unread_pictures
from torch import Tensor

from tasks.core import Dataset, InputError, digest_of
from tasks.data.augmentation import AnyAugment, AugmentStep, check_augmentation, compose, span_of
from tasks.data.augmentations.geometric_steps import Crop, Flip, ResizedCrop, Rotate, ScaleImage, Shear, Translate
from tasks.data.augmentations.pixel_steps import Blur, Color, Cutout, Noise, RandAugment
from tasks.data.augmentations.sequence_steps import Jitter, ScaleSequence, TimeMask
from tasks.kernels.training.draws import Draws

STEPS: TypeAdapter[AugmentStep] = TypeAdapter(AugmentStep)
KINDS: tuple[type[Crop], ...] = get_args(AnyAugment)
SPANS = {"uint8": (0.0, 255.0), "float32": (-3.0, 5.0), "flat": (2.0, 2.0)}


def draws(seed: int = 0, count: int = 16, epoch: int = 1) -> Draws:
    return Draws(torch.Generator().manual_seed(seed), torch.arange(count), epoch)


def example_batch(kind: type[Crop], dtype: str, count: int = 16) -> Tensor:
    shape = (count, 3, 9, 12) if kind.suits == "images" else (count, 30, 4)
    values = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    low, high = SPANS[dtype]
    values = low + (high - low) * values
    return values.to(torch.uint8) if dtype == "uint8" else values


@pytest.mark.parametrize("kind", KINDS)
def test_the_tag_alone_is_a_step_and_comes_back_from_json(kind: type[Crop]) -> None:
    step = STEPS.validate_python({"step": kind.model_fields["step"].default})
    assert step == kind()
    assert STEPS.validate_json(step.model_dump_json()) == step


def test_what_is_new_is_no_part_of_the_key_of_a_recipe_from_before() -> None:
    assert Flip().model_dump(mode="json") == {"step": "flip", "probability": 0.5}
    assert Rotate().model_dump(mode="json") == {"step": "rotate", "degrees": 10.0}
    assert Flip(alternating=True).model_dump(mode="json") == {"step": "flip", "probability": 0.5, "alternating": True}


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": "crop", "padding": 0},
        {"step": "flip", "probability": 1.5},
        {"step": "flip", "alternating": True, "probability": 0.3},
        {"step": "flip", "axis": "diagonal"},
        {"step": "rotate", "degrees": 0},
        {"step": "rotate", "degrees": 181},
        {"step": "rotate", "fill": "white"},
        {"step": "scale", "factor": 1},
        {"step": "translate", "share": 1.1},
        {"step": "resized_crop", "area": 0},
        {"step": "color", "hue": 0.6},
        {"step": "blur", "sigma": 0.05},
        {"step": "noise", "std": 0},
        {"step": "cutout", "size": 0},
        {"step": "rand_augment", "magnitude": 31},
        {"step": "time_mask", "share": 0},
        {"step": "crop", "pad": 4},
        {"step": "mixup"},
    ],
)
def test_what_breaks_a_law_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        STEPS.validate_python(wrong)


@pytest.mark.parametrize("dtype", SPANS)
@pytest.mark.parametrize("kind", KINDS)
def test_shape_dtype_and_finiteness_stay_and_the_seed_decides(kind: type[Crop], dtype: str) -> None:
    batch, before = example_batch(kind, dtype), torch.random.get_rng_state()
    original, augment = batch.clone(), compose([kind()], span_of(batch.numpy()))
    first, again, other = (augment(batch, draws(seed)) for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == (batch.shape, batch.dtype)
    assert bool(torch.isfinite(first.float()).all())
    assert torch.equal(first, again)
    assert dtype == "flat" or not torch.equal(first, other)
    assert torch.equal(batch, original)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_draws_are_the_same_in_another_process() -> None:
    code = (
        "import hashlib, torch; from tasks.data.augmentation import *; from tasks.kernels.training.draws import Draws;"
        "batch = torch.arange(8 * 3 * 6 * 5).reshape(8, 3, 6, 5).remainder(256).to(torch.uint8);"
        "steps = [Crop(padding=2), Flip(alternating=True), Rotate(fill='edge'), Shear(), Color(hue=0.1)];"
        "steps.append(RandAugment());"
        "drawn = Draws(torch.Generator().manual_seed(3), torch.arange(8), 2);"
        "print(hashlib.sha256(compose(steps)(batch, drawn).numpy().tobytes()).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    batch = torch.arange(8 * 3 * 6 * 5).reshape(8, 3, 6, 5).remainder(256).to(torch.uint8)
    steps = [Crop(padding=2), Flip(alternating=True), Rotate(fill="edge"), Shear(), Color(hue=0.1), RandAugment()]
    here = compose(steps)(batch, draws(3, 8, epoch=2))
    assert there.stdout.strip() == hashlib.sha256(here.numpy().tobytes()).hexdigest()


def test_compose_does_the_steps_in_order_with_one_generator() -> None:
    batch = torch.randint(1, 256, (8, 3, 10, 12), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    steps = [Crop(padding=2), Flip(), Rotate(), Noise(), Cutout(size=3)]
    together, drawn, one_by_one = compose(steps)(batch, draws(5, 8)), draws(5, 8), batch
    for step in steps:
        one_by_one = step.apply(one_by_one, drawn)
    assert torch.equal(together, one_by_one)
    backwards = compose(steps[::-1])(batch, draws(5, 8))
    assert not torch.equal(together, backwards)


def test_neighbours_that_resample_are_one_resampling() -> None:
    """A turn there and a turn back: the pixels are as before, and not twice blurred."""
    batch = torch.randint(0, 256, (4, 1, 15, 15), generator=torch.Generator().manual_seed(1)).to(torch.uint8)

    class Turn(Rotate):
        def matrices(self, batch: Tensor, draws: Draws) -> Tensor:
            from tasks.kernels.training import affine_transforms

            angle = torch.full((len(batch),), 0.4 if self.degrees == 1 else -0.4)
            return affine_transforms.rotation(angle, *batch.shape[2:])

    there, back = Turn(degrees=1), Turn(degrees=2)
    assert torch.equal(compose([there, back])(batch, draws()), batch)
    assert not torch.equal(compose([there, Flip(probability=0), back])(batch, draws()), batch)
    other = Turn(degrees=2, fill="edge")
    assert not torch.equal(compose([there, other])(batch, draws()), batch)


def test_an_alternating_flip_mirrors_each_image_in_every_second_epoch() -> None:
    batch = example_batch(Flip, "uint8")
    augment = compose([Flip(alternating=True)])
    first, second, third = (augment(batch, draws(seed, epoch=epoch)) for seed, epoch in ((5, 1), (6, 2), (7, 3)))
    mirrored = (first == batch.flip(3)).flatten(1).all(1)
    assert 0 < int(mirrored.sum()) < 16
    assert torch.equal(first.flip(3), second)
    assert torch.equal(first, third)


def test_a_random_flip_mirrors_its_share() -> None:
    batch = example_batch(Flip, "uint8", 400)
    flipped = compose([Flip(probability=0.25, axis="vertical")])(batch, draws(0, 400))
    assert 70 <= int((flipped == batch.flip(2)).flatten(1).all(1).sum()) <= 130
    assert torch.equal(compose([Flip(probability=1)])(batch, draws()), batch.flip(3))


@pytest.mark.parametrize("step", [Color(hue=0.5, brightness=1, contrast=1, saturation=1), RandAugment(magnitude=30)])
def test_values_stay_within_their_span(step: Color) -> None:
    for dtype in ("uint8", "float32"):
        batch = example_batch(Color, dtype)
        low, high = span_of(batch.numpy())
        changed = compose([step], (low, high))(batch, draws())
        assert low - 1e-5 <= float(changed.min()) < float(changed.max()) <= high + 1e-5


def test_angles_factors_and_shifts_fill_their_range() -> None:
    batch = torch.zeros(2000, 1, 20, 20)
    turns = torch.asin(Rotate(degrees=30).matrices(batch, draws())[:, 1, 0]).rad2deg()
    shifts = -Translate(share=0.2).matrices(batch, draws())[:, 0, 2] * 10
    zooms = 1 / ScaleImage(factor=2).matrices(batch, draws())[:, 0, 0]
    slants = torch.atan(-Shear(degrees=20).matrices(batch, draws())[:, 0, 1]).rad2deg()
    parts = ResizedCrop(area=0.5).matrices(batch, draws())
    areas = parts[:, 0, 0] * parts[:, 1, 1]
    for values, low, high in ((turns, -30, 30), (shifts, -4, 4), (zooms, 0.5, 2), (slants, -20, 20), (areas, 0.5, 1)):
        assert low - 1e-4 <= float(values.min()) < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < float(values.max()) <= high + 1e-4
    assert sorted({round(float(shift), 3) for shift in shifts}) == list(range(-4, 5))


def test_the_axis_of_the_steps_is_the_longer_one_unless_it_is_said() -> None:
    assert [TimeMask().axis(shape) for shape in ((50,), (50, 3), (3, 50), (8, 8))] == [1, 1, 2, 1]
    assert [TimeMask(channels="first").axis(shape) for shape in ((50, 60), (8, 8))] == [2, 2]
    assert [TimeMask(channels="last").axis(shape) for shape in ((50, 60), (3, 50))] == [1, 1]


def test_no_steps_change_nothing() -> None:
    batch = torch.ones(2, 1, 4, 4)
    assert compose([])(batch, draws()) is batch


def test_the_span_is_the_dtypes_or_the_datas() -> None:
    assert span_of(np.array([3, 200], np.uint8)) == (0.0, 255.0)
    assert span_of(np.array([3, 16], np.uint8)) == (0.0, 16.0)
    assert span_of(np.array([-1.5, 7], np.float32)) == (-1.5, 7.0)


def sequences(shape: tuple[int, ...], dtype: str = "float32") -> Dataset:
    kind: Any = dtype
    return Dataset("memory", "array", "classification", shape, kind, (), ("0", "1"), {}, (), digest_of("z"))


@pytest.mark.parametrize(
    ("step", "dataset", "says"),
    [
        (Flip(), sequences((50,)), r"augment\.0\.step: suits images only, but got 'flip'; .*: jitter, scaling, "),
        (Jitter(), sequences((4, 4, 4)), r"suits examples of \(steps,\), \(steps, channels\) or \(channels, steps\)"),
        (Jitter(), sequences((50,), "int64"), r"memory holds whole numbers that the network gets as they are"),
        (Color(hue=0.1), unread_pictures().dataset, r"augment\.0\.hue: must be 0: only images of three channels"),
        (TimeMask(), unread_pictures().dataset, r"suits arrays of steps only, but got 'time_mask'; .*: crop, flip, "),
    ],
)
def test_a_step_for_other_data_is_refused(step: AnyAugment, dataset: Dataset, says: str) -> None:
    with pytest.raises(InputError, match=says):
        check_augmentation([step], dataset, codes=True)


def test_steps_that_suit_are_taken() -> None:
    grey = unread_pictures().dataset
    check_augmentation([Crop(), Color(), Blur()], grey, codes=False)
    check_augmentation([Color(hue=0.1)], dataclasses.replace(grey, input_shape=(8, 8, 3)), codes=False)
    check_augmentation([Jitter(), ScaleSequence(), TimeMask()], sequences((50, 3)), codes=True)
    check_augmentation([Jitter()], sequences((50, 3), "int64"), codes=False)
