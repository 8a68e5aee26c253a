"""Width search: the greedy choice over a table of costs."""

from __future__ import annotations

import itertools
import random

import pytest

from tasks.kernels.pruning.width_search import LayerCost, WidthAxis, WidthOptions, candidates, choose_widths, total


def test_an_axis_by_hand() -> None:
    """12 channels of group 0 with 4 positions each and 16 of group 1 beside 2 fixed ones: 66; thinner: 40."""
    axis = WidthAxis(66, ((0, 4), (1, 1)))
    assert axis.at([12, 16], [12, 16]) == 66
    assert axis.at([8, 6], [12, 16]) == 66 - 4 * 4 - 10


@pytest.mark.parametrize(
    ("channels", "block", "found"),
    [
        (64, 16, (64, 48, 32, 16)),
        (32, 16, (32, 16)),
        (16, 16, (16, 12, 8, 4)),  # narrower than two blocks: fours
        (20, 16, (20, 16, 12, 8, 4)),
        (3, 16, (3,)),
        (12, 1, (12, 10, 8, 6, 4, 2)),  # at most 8 and the full width
        (100, 16, (100, 96, 80, 64, 48, 32, 16)),
        (1024, 16, (1024, 896, 768, 640, 512, 384, 256, 128)),
    ],
)
def test_candidates_are_whole_blocks(channels: int, block: int, found: tuple[int, ...]) -> None:
    assert candidates(channels, block) == found


def _alone(group: int, ms: dict[int, float]) -> LayerCost:
    """A layer that makes one group's channels and nothing else."""
    full = max(ms)
    return LayerCost(f"layer {group}", WidthAxis(3), WidthAxis(full, ((group, 1),)), lambda read, made: ms[made])


def test_the_least_importance_for_the_most_time() -> None:
    """Group 0 saves nothing until it is at 16 (the runtime's block); group 1 loses more for each millisecond."""
    choices = [WidthOptions((32, 24, 16), (0, 1, 2)), WidthOptions((32, 24, 16), (0, 3, 7))]
    works = [_alone(0, {32: 8, 24: 8, 16: 4}), _alone(1, {32: 8, 24: 6, 16: 4})]
    assert choose_widths(choices, works, 16) == [32, 32]
    assert choose_widths(choices, works, 12.5) == [16, 32]
    assert choose_widths(choices, works, 11) == [16, 24]
    assert choose_widths(choices, works, 8) == [16, 16]
    assert choose_widths(choices, works, 7.9) is None


def test_what_was_given_up_too_early_comes_back() -> None:
    """The cheap cut comes first, but the dear one that must follow is enough by itself."""
    choices = [WidthOptions((2, 1), (0, 1)), WidthOptions((2, 1), (0, 10))]
    works = [_alone(0, {2: 2, 1: 1}), _alone(1, {2: 9, 1: 1})]
    assert choose_widths(choices, works, 4) == [2, 1]


def test_a_layer_between_two_groups_counts_at_their_present_widths() -> None:
    """MACs: 8 x 8 between the groups. Halving one makes the other's channels half as costly."""
    choices = [WidthOptions((8, 4), (0, 1)), WidthOptions((8, 4), (0, 1.5))]
    work = LayerCost("between", WidthAxis(8, ((0, 1),)), WidthAxis(8, ((1, 1),)), lambda read, made: read * made)
    assert choose_widths(choices, [work], 32) == [4, 8]
    assert choose_widths(choices, [work], 16) == [4, 4]
    assert total([work], [4, 4], [8, 8]) == 16


@pytest.mark.parametrize("seed", range(20))
def test_against_all_combinations(seed: int) -> None:
    """Wherever any widths meet the goal, the choice does, and it loses at most twice what it must."""
    draw = random.Random(seed)
    choices, works = [], []
    for group in range(4):
        lost = sorted(draw.uniform(0, 10) for _ in range(2))
        ms = sorted(draw.uniform(0.5, 10) for _ in range(3))
        choices.append(WidthOptions((3, 2, 1), (0.0, *lost)))
        works.append(_alone(group, {1: ms[0], 2: ms[1], 3: ms[2]}))
    full = [3] * 4

    def lost_at(widths: tuple[int, ...] | list[int]) -> float:
        return sum(choice.lost[3 - width] for choice, width in zip(choices, widths, strict=True))

    goal = total(works, full, full) * draw.uniform(0.4, 0.9)
    meeting = [each for each in itertools.product((1, 2, 3), repeat=4) if total(works, each, full) <= goal]
    chosen = choose_widths(choices, works, goal)
    assert (chosen is None) == (not meeting)
    if chosen is not None:
        assert total(works, chosen, full) <= goal + 1e-9
        assert lost_at(chosen) <= 2 * min(map(lost_at, meeting)) + 1e-9
