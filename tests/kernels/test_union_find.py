"""Union-find: sets grow together, and a reason stays with them whichever side it came from."""

from __future__ import annotations

import pytest

from tasks.kernels.graph.union_find import ChannelSets


@pytest.mark.parametrize("frozen", [0, 1])
def test_a_reason_survives_the_join(frozen: int) -> None:
    sets = ChannelSets()
    left, right = sets.new(3), sets.new(3)
    sets.freeze([(left, right)[frozen][1]], "first")
    sets.join(left, right)
    sets.freeze([left[1]], "second")
    assert [sets.reason(channel) for channel in (*left, *right)] == [None, "first", None] * 2
    assert [sets.find(channel) for channel in (*left, *right)] == [*left, *left]


def test_chains_of_joins_make_one_set() -> None:
    sets = ChannelSets()
    a, b, c = sets.new(2), sets.new(2), sets.new(2)
    sets.join(b, c)
    sets.join(a, c)
    sets.join(c, c)
    assert {sets.find(one[0]) for one in (a, b, c)} == {a[0]}
    with pytest.raises(ValueError, match="shorter"):
        sets.join(a, [0])
