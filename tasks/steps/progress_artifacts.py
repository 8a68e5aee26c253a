"""Display: the progress of long work as an artifact in Prefect's UI."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext

from tasks.core import LOWER_IS_BETTER
from tasks.core.progress import Update, listening, tell
from tasks.kernels.training.learning_curve import Epoch


@contextmanager
def shown(title: str) -> Iterator[None]:
    """Shows the updates of long work as a progress artifact in Prefect's UI, at most once a second."""
    if TaskRunContext.get() is None:
        yield
        return
    artifact: UUID = create_progress_artifact(progress=0.0, description=title)  # type: ignore[assignment]
    last = time.monotonic()

    def show(update: Update) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 1 or update.done >= update.total:
            last = now
            share = 100 * min(update.done / max(update.total, 1), 1)
            update_progress_artifact(artifact, progress=share, description=described(title, update))

    with listening(show):
        yield


def described(title: str, update: Update) -> str:
    """An update in Markdown, as Prefect's UI shows the description of an artifact; figures are a table."""
    if not update.figures:
        return f"{title}: {update.note}"
    rows = "".join(f"| {name} | {value} |\n" for name, value in update.figures.items())
    return f"{title}\n\n| | |\n|---|---|\n{rows}"


def each_epoch(total: int, metric: str) -> Callable[[Epoch], None]:
    """Tells the progress of a training, with this epoch's and the best validation score so far."""
    scores: list[float] = []
    best = min if metric in LOWER_IS_BETTER else max

    def on_epoch(epoch: Epoch) -> None:
        scores.append(epoch.validation_score)
        tell(epoch.number, total, f"validation {metric} {scores[-1]:.4f}, best {best(scores):.4f}")

    return on_epoch
