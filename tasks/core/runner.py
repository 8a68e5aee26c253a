"""Runners: call the functions of a flow's steps, through an orchestrator or directly."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Runner(Protocol):
    """Calls the functions (verbs) of which a flow consists."""

    def run(self, label: str, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `verb` for these arguments, computed or from the cache.

        Args:
            label: the step in a few words, for display.
            verb: a function whose result depends on its arguments alone.
        """


class PlainRunner:
    """A `Runner` without an orchestrator or cache: every verb is called."""

    def run(self, label: str, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `verb`."""
        return verb(*args, **kwargs)
