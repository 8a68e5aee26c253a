"""Prefect runner: calls the functions of a flow as Prefect tasks, and shows their progress in the terminal."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar, cast

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW, temporary_settings
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from tasks.core import Update, Workspace
from tasks.steps.caching import run_cached
from tasks.steps.definitions import STEPS
from tasks.steps.killed_runs import mark_run
from tasks.steps.progress_artifacts import ProgressArtifact
from tasks.steps.server_outage import outlast

P = ParamSpec("P")
T = TypeVar("T")
PATIENCE = 20
"""Seconds between two progress lines of a running step, when the output is no terminal and cannot show a bar."""


@dataclass
class PrefectRunner:
    """A `Runner` for one flow run, which also counts its steps."""

    workspace: Workspace
    console: Console
    total: int = 0
    """Number of cached steps that are planned; there may be more in the end. 0: nobody knows."""
    done: int = 0
    """Number of cached steps that are finished."""
    reused: list[str] = field(default_factory=list)
    """Labels of the steps whose result came from the cache."""

    def __post_init__(self) -> None:
        mark_run()

    def run(self, label: str, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of the verb's Prefect task.

        A cached step gets a line in the terminal when it is finished; a step that writes to a server gets none. In
        Prefect, the task run has the label as its name.

        Args:
            label: the step in a few words, for display.
            verb: a key of `definitions.STEPS`.

        Raises:
            ConnectionError: Prefect's server was away for too long (`server_outage`); a shorter time is waited for.
            Exception: any exception of the verb; a `Refusal` of a cached step is raised anew, with the same text.
        """
        step = STEPS[verb].with_options(task_run_name=lambda: label)
        if not step.persist_result:
            written: Any = outlast(lambda: step(*args, **kwargs), self._say)
            return cast(T, written)
        with self._bar() as bar:
            shown = _Shown(label, bar, self.console)
            given = inspect.signature(verb).bind(*args, **kwargs).arguments
            answered = outlast(lambda: run_cached(step, given, self.workspace, shown), self._say)
        self.done += 1
        if answered.cached:
            self.reused.append(label)
        self._line(label, "from the store" if answered.cached else shown.note, answered.seconds)
        return cast(T, answered.value)

    def _say(self, words: str) -> None:
        self.console.print(f"  … {words}", highlight=False)

    def _line(self, label: str, note: str, seconds: float) -> None:
        counter = f"[dim]{self._count(self.done)}[/]"
        self.console.print(f"[green]✓[/] {counter} {label} [dim]{note} {seconds:.1f} s[/]", highlight=False)

    def _count(self, number: int) -> str:
        """A step's number, of so many where it is known how many there are."""
        return f"{number:>2}/{max(self.total, number)}" if self.total else f"{number:>2}"

    def _bar(self) -> Progress:
        return Progress(
            SpinnerColumn(),
            TextColumn(f"[dim]{self._count(self.done + 1)}[/] {{task.description}}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:g}/{task.total}"),
            TextColumn("[dim]{task.fields[note]}", table_column=Column(no_wrap=False)),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )


@contextmanager
def join_server(api: str, workspace: Workspace) -> Iterator[PrefectRunner]:
    """A runner of another process, which shows nothing and uses the server of the process that started it.

    Args:
        api: the address of the server's API (`server_address`).
        workspace: the workspace of both.
    """
    # Its steps belong to no flow run of their own: their log stays in this process.
    with temporary_settings(updates={PREFECT_API_URL: api, PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore"}):
        yield PrefectRunner(workspace, Console(quiet=True))


def server_address() -> str:
    """The address of the API that this process uses, also where it is that of a temporary server."""
    with get_client(sync_client=True) as client:
        return str(client.api_url)


class _Shown:
    """A `Progress` that shows one step in the terminal and in Prefect's UI."""

    def __init__(self, label: str, bar: Progress, console: Console) -> None:
        self.note = ""
        self._label, self._bar, self._console = label, bar, console
        self._row = bar.add_task(label, total=None, note="")
        self._artifact = ProgressArtifact(label)
        self._last = time.monotonic()

    def __call__(self, update: Update) -> None:
        self.note = update.note
        self._bar.update(self._row, completed=update.done, total=update.total, note=update.note)
        if self._bar.disable and time.monotonic() - self._last >= PATIENCE:
            self._last = time.monotonic()
            line = f"  … {self._label} {update.done}/{update.total} {update.note}"
            self._console.print(line, highlight=False)
        self._artifact(update)
