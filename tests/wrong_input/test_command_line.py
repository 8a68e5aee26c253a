"""Wrong calls of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import answer


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("plan", "--fast", "a.yaml"), "No such option"),
        (("plan",), "Missing argument 'conf'"),
        (("plam", "a.yaml"), "No such command 'plam'"),
    ],
)
def test_a_wrong_call_is_answered_with_the_usage(
    arguments: tuple[str, ...], says: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "Usage: paredown" in err
    assert says in err
