"""Progress: whoever listens hears it, for as long as they listen."""

from __future__ import annotations

import pytest

from tasks.core.progress import Update, listening, tell


def test_listeners_hear_what_is_told_inside_the_block() -> None:
    heard: list[Update] = []
    tell(1, 3, "too early")
    with listening(heard.append):
        tell(1, 3, "one")
        tell(2, 3)
    tell(3, 3, "too late")
    assert heard == [Update(1, 3, "one"), Update(2, 3, "")]


def test_everyone_hears() -> None:
    outer: list[Update] = []
    inner: list[Update] = []
    with listening(outer.append):
        with listening(inner.append):
            tell(1, 2)
        tell(2, 2)
    assert ([update.done for update in outer], [update.done for update in inner]) == ([1, 2], [1])


def test_an_error_ends_the_listening() -> None:
    heard: list[Update] = []
    with pytest.raises(ValueError, match="broken"), listening(heard.append):
        raise ValueError("broken")
    tell(1, 1)
    assert heard == []


def test_one_listener_twice_is_heard_twice() -> None:
    heard: list[Update] = []
    with listening(heard.append), listening(heard.append):
        tell(1, 1)
    assert len(heard) == 2
