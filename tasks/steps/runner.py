"""Execution: calls the steps one after the other, and shows what is done, what is left and the best so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from tasks.core import Workspace
from tasks.core.progress import Update, listening

Call = Callable[..., Any]
"""(label, step, *arguments) → the answer of a step that can come from the store."""
Write = Callable[..., Any]
"""(step, *arguments) → the answer of a step that writes to a server."""

PATIENCE = 20
"""Seconds after which long work gets a line in a log file, which cannot show a bar."""


@dataclass
class Execution:
    """Runs cached steps of one flow run and keeps what came from the store."""

    workspace: Workspace
    console: Console
    total: int = 0
    """Steps that are planned; grows as the flow learns more."""
    done: int = 0
    reused: list[str] = field(default_factory=list)

    def __call__(self, label: str, step: Any, *arguments: Any) -> Any:
        """The answer of a cached step, with its line in the terminal."""
        from tasks.steps.caching import run_cached

        note, last = "", time.monotonic()
        with self._bar() as bar:
            row = bar.add_task(label, total=None, note="")

            def show(update: Update) -> None:
                nonlocal note, last
                note = update.note
                bar.update(row, completed=update.done, total=update.total, note=update.note)
                if bar.disable and time.monotonic() - last >= PATIENCE:
                    last = time.monotonic()
                    self.console.print(f"  … {label} {update.done}/{update.total} {note}", highlight=False)

            with listening(show):
                answered = run_cached(step, *arguments)
        self.done += 1
        if answered.cached:
            self.reused.append(label)
        self._line(label, "from the store" if answered.cached else note, answered.seconds)
        return answered.value

    def _line(self, label: str, note: str, seconds: float) -> None:
        counter = f"[dim]{self.done:>2}/{max(self.total, self.done)}[/]"
        self.console.print(f"[green]✓[/] {counter} {label} [dim]{note} {seconds:.1f} s[/]", highlight=False)

    def _bar(self) -> Progress:
        return Progress(
            SpinnerColumn(),
            TextColumn(f"[dim]{self.done + 1:>2}/{max(self.total, self.done + 1)}[/] {{task.description}}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:g}/{task.total}"),
            TextColumn("[dim]{task.fields[note]}", table_column=Column(no_wrap=False)),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )


def call_plainly(label: str, step: Any, *arguments: Any) -> Any:
    """A `Call` of the same verb as a plain function: no Prefect, nothing from the store."""
    return step.fn(*arguments)


def write_by_prefect(step: Any, *arguments: Any) -> Any:
    """A `Write` as a Prefect task, with its retries."""
    return step(*arguments)


def write_plainly(step: Any, *arguments: Any) -> Any:
    """A `Write` of the same verb as a plain function."""
    return step.fn(*arguments)


def screen() -> Console:
    """The terminal; a log file gets lines wide enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=150)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self.started
