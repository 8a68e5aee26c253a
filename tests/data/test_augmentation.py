"""Augmentation steps: their tags, their laws, and their composition."""

from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from tasks.data.augmentation import AugmentStep, Crop, Cutout, Flip, Noise, Rotate, compose

STEPS: TypeAdapter[AugmentStep] = TypeAdapter(AugmentStep)


@pytest.mark.parametrize("kind", [Crop, Flip, Rotate, Noise, Cutout])
def test_the_tag_alone_is_a_step_and_comes_back_from_json(kind: type[Crop]) -> None:
    step = STEPS.validate_python({"step": kind.model_fields["step"].default})
    assert step == kind()
    assert STEPS.validate_json(step.model_dump_json()) == step


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": "crop", "padding": 0},
        {"step": "flip", "probability": 1.5},
        {"step": "rotate", "degrees": 0},
        {"step": "rotate", "degrees": 181},
        {"step": "noise", "std": 0},
        {"step": "cutout", "size": 0},
        {"step": "crop", "pad": 4},
        {"step": "mixup"},
    ],
)
def test_what_breaks_a_law_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        STEPS.validate_python(wrong)


def test_compose_does_the_steps_in_order_with_one_generator() -> None:
    batch = torch.randint(1, 256, (8, 3, 10, 12), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    steps = [Crop(padding=2), Flip(), Rotate(), Noise(), Cutout(size=3)]
    together = compose(steps)(batch, torch.Generator().manual_seed(5))
    generator, one_by_one = torch.Generator().manual_seed(5), batch
    for step in steps:
        one_by_one = step.apply(one_by_one, generator)
    assert torch.equal(together, one_by_one)
    backwards = compose(steps[::-1])(batch, torch.Generator().manual_seed(5))
    assert not torch.equal(together, backwards)


def test_no_steps_change_nothing() -> None:
    batch = torch.ones(2, 1, 4, 4)
    assert compose([])(batch, torch.Generator()) is batch
