"""Walking: a branch from the baseline to a file on one worker: reduced, timed ahead, recovered, finished."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks import ranking
from tasks.artifacts import LOWER_IS_BETTER, Candidate, Latency, Refusal, Scorecard, Workspace
from tasks.branch import AnyStep, Branch, is_training, title
from tasks.distillation import Recover, Teaching
from tasks.students import Distill
from tasks.techniques import Plugin
from tasks.training import Epoch

if TYPE_CHECKING:
    from flows.paring import ParingTrial
    from tasks.tuning import Desk


class GivenUp(Exception):  # noqa: N818 - it is an answer, not a fault
    """A branch cannot beat what is known; the message says why."""


class Walk:
    """A branch under way on one worker."""

    def __init__(self, trial: ParingTrial, desk: Desk) -> None:
        self.trial, self.desk, self.workspace = trial, desk, desk.workspace
        self.stages: list[tuple[str, Candidate]] = []
        """What each step made: its title and the candidate."""
        self.epochs = 0
        """Epochs of recovery so far."""
        self.before = 0
        """Those of earlier steps."""
        self.ahead = ranking.Standing(0.0, 0.0)
        """What the branch saves if it loses nothing."""
        self.latency: Latency | None = None
        self.measured: dict[str, float] = {}
        """The file's speed-up and bytes, as soon as they are known."""

    def go(self, branch: Branch) -> Scorecard:
        """The scorecard of the branch's file on validation.

        Raises:
            Refusal: a step refuses.
            GivenUp: the branch cannot beat what is known.
        """
        place = next((place for place, step in enumerate(branch.steps) if is_training(step)), len(branch.steps))
        front, rest = branch.steps[:place], branch.steps[place:]
        model = self.take_all(front, self.trial.baseline)
        if rest and not isinstance(rest[0], Distill):
            self.look_ahead(model, [step for step in rest if not is_training(step)])
        model = self.take_all(rest, model)
        return self.evaluate(model)

    def look_ahead(self, model: Candidate, steps: Sequence[AnyStep]) -> None:
        """Finishes and times the branch as if recovery were done: its weights do not change its time.

        Raises:
            GivenUp: it saves too little.
        """
        stages = list(self.stages)
        try:
            card = self.evaluate(self.take_all(steps, model))
        except Refusal:
            return  # what cannot be finished yet may be so after its recovery
        finally:
            self.stages = stages
        standing = ranking.standing(card, self.trial.recipe.goal)
        self.ahead = dataclasses.replace(standing, drop=0.0)
        if self.trial.rank(self.ahead) <= self.trial.bar:
            saved = f"{card.latency.ratio.value:.2f}× as fast, {card.size.bytes:,} bytes"
            raise GivenUp(f"given up before its recovery: {saved} would not beat what is known")
        self.latency = card.latency

    def evaluate(self, model: Candidate) -> Scorecard:
        """The scorecard of the model's file on validation; timed unless that was done."""
        card = evaluate(self.export(model), self.trial, self.workspace, self.latency)
        self.measured = {"speedup": card.latency.ratio.value, "bytes": card.size.bytes}
        return card

    def take_all(self, steps: Sequence[AnyStep], model: Candidate) -> Candidate:
        """The steps one after the other; each is kept as a stage."""
        for step in steps:
            model = self.train(step, model) if isinstance(step, Teaching) else self.compress(step, model)
            self.stages.append((title(step), model))
        return model

    def train(self, step: Teaching, model: Candidate) -> Candidate:
        """A recovery or a student, epoch by epoch; a killed one goes on after its last epoch."""
        from tasks import compression

        trial, recipe = self.trial, self.trial.recipe
        checkpoint = self.desk.folder / f"{len(self.stages)}.pt"
        knobs = (trial.prepared, recipe.augment, recipe.goal.metric, self.workspace, checkpoint, self.on_epoch)
        self.before = self.epochs
        if isinstance(step, Distill):
            return compression.distill(trial.baseline, step, *knobs)
        assert isinstance(step, Recover)
        return compression.recover(model, trial.baseline, step, *knobs)

    def on_epoch(self, epoch: Epoch) -> None:
        """Reports where the branch would stand if its file lost what the network loses."""
        sign = 1 if self.trial.recipe.goal.metric in LOWER_IS_BETTER else -1
        drop = sign * (epoch.validation_score - self.trial.score)
        self.epochs = self.before + epoch.number
        self.desk.report(
            self.epochs, self.trial.rank(dataclasses.replace(self.ahead, drop=drop)), self.measured | {"drop": drop}
        )

    def compress(self, step: AnyStep, model: Candidate) -> Candidate:
        """One technique; what acts on a file gets one."""
        from contextlib import nullcontext

        from tasks import compression
        from tasks.hosts import costs_kept
        from tasks.kernels import quiet

        technique: Any = step.technique() if isinstance(step, Plugin) else step
        with quiet.working(), costs_kept(self.workspace.home) if technique.asks_host else nullcontext():
            before = self.export(model) if technique.form == "onnx" else model
            return compression.compress(before, technique, self.trial.prepared, self.workspace.store)

    def export(self, model: Candidate) -> Candidate:
        """The model as an ONNX file."""
        from tasks import exporting
        from tasks.kernels import quiet

        if model.form == "onnx":
            return model
        with quiet.working():
            return exporting.export(model, self.trial.prepared, self.trial.recipe.export, self.workspace.store)


def evaluate(product: Candidate, trial: ParingTrial, workspace: Workspace, latency: Latency | None) -> Scorecard:
    """A file's scorecard on validation against the baseline; timed unless its latency is known."""
    from tasks import evaluation, preprocessing
    from tasks.kernels import quiet

    recipe, store, baseline = trial.recipe, workspace.store, trial.exported
    products = {
        each.digest: evaluation.Product(each.digest, each.name, store.path(each.content), ())
        for each in (baseline, product)
    }
    inputs = preprocessing.product_inputs(trial.prepared.dataset, "validation", store)
    targets = store.get_array(trial.prepared.dataset.splits["validation"].targets)
    timing = dict.fromkeys(products, latency) if latency else None
    with quiet.working():
        cards = evaluation.evaluate(
            products, baseline.digest, inputs, targets, recipe.goal, recipe.runtime, "validation", None, timing
        )
    return cards[product.digest]
