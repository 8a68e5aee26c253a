"""Server outage: a call waits for Prefect's server, and its own errors are raised at once."""

from __future__ import annotations

import httpx
import pytest

from tasks.steps import server_outage
from tasks.steps.server_outage import outlast


class Flaky:
    """Fails so many times, then answers."""

    def __init__(self, times: int, error: Exception) -> None:
        self.left, self.error = times, error

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise RuntimeError("no slot") from self.error
        return "answer"


def test_a_call_is_made_again_when_the_server_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, False, True])
    monkeypatch.setattr(server_outage, "_answers", lambda: next(answers))
    monkeypatch.setattr(server_outage, "PAUSE", 0.0)
    said: list[str] = []
    assert outlast(Flaky(1, httpx.ConnectError("refused")), said.append) == "answer"
    assert said == ["Prefect's server does not answer; the run waits for it"]


def test_a_server_that_stays_away_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_outage, "_answers", lambda: False)
    monkeypatch.setattr(server_outage, "PAUSE", 0.0)
    monkeypatch.setattr(server_outage, "LIMIT", 0.01)
    with pytest.raises(ConnectionError, match=r"has not answered for 0\.01 s; the same command goes on"):
        outlast(Flaky(1, httpx.ConnectError("refused")))


def test_an_error_of_the_call_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_outage, "_answers", lambda: True)
    with pytest.raises(RuntimeError, match="no slot"):
        outlast(Flaky(1, ValueError("wrong")))
    flaky = Flaky(9, httpx.ReadError("the user's own server"))
    with pytest.raises(RuntimeError, match="no slot"):
        outlast(flaky)
    assert flaky.left == 9 - server_outage.TRIES - 1
