"""Walking: a branch from the baseline to a file on one worker: reduced, timed ahead, recovered, finished."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flows.trials.branch_scoring import BranchEvaluator
from tasks.compression.branch import BASELINE, AnyStep, Branch, is_training, step_title
from tasks.core import LOWER_IS_BETTER, Candidate, Latency, Refusal, Scorecard
from tasks.evaluation import ranking
from tasks.kernels.training.learning_curve import Epoch
from tasks.techniques import Plugin
from tasks.training.distillation import DistillationSpec
from tasks.training.recovery import Recover
from tasks.training.student import Distill

if TYPE_CHECKING:
    from flows.trials.compression_trial import CompressionObjective
    from tasks.tuning import TrialContext


class GivenUp(Exception):  # noqa: N818 - it is an answer, not a fault
    """A branch cannot beat what is known; the message says why."""


class BranchRunner:
    """A branch under way on one worker."""

    def __init__(self, trial: CompressionObjective, desk: TrialContext) -> None:
        self.trial, self.desk, self.workspace = trial, desk, desk.workspace
        answers, store = desk.shared[BASELINE], desk.workspace.store
        self.gauge = BranchEvaluator(trial.recipe, trial.prepared, trial.exported, answers, store)
        self.stages: list[tuple[str, Candidate]] = []
        """What each step made: its title and the candidate."""
        self.epochs = 0
        """Epochs of training so far."""
        self.before = 0
        """Those of earlier steps."""
        self.most = 1
        """Those of the whole branch."""
        self.ahead = ranking.GoalPosition(0.0, 0.0)
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
        self.most = sum(step.most_epochs for step in rest if is_training(step))
        model = self.take_all(front, self.trial.baseline)
        if rest and not isinstance(rest[0], Distill):
            self.look_ahead(model, [step for step in rest if not is_training(step)])
        model = self.take_all(rest, model)
        return self.judge(model)

    def look_ahead(self, model: Candidate, steps: Sequence[AnyStep]) -> None:
        """Finishes and times the branch as if recovery were done: its weights do not change its time.

        Raises:
            GivenUp: it saves too little.
        """
        stages = list(self.stages)
        try:
            product = self.export(self.take_all(steps, model))
        except Refusal:
            return  # what cannot be finished yet may be so after its recovery
        finally:
            self.stages = stages
        gauge, goal = self.gauge, self.trial.recipe.goal
        latency, size = gauge.time(product), gauge.size(product)
        self.latency, self.measured = latency, {"speedup": latency.ratio.value, "bytes": size}
        self.ahead = ranking.position_ahead(latency, size, gauge.size(gauge.baseline) / size, goal)
        if self.trial.rank(self.ahead) <= self.trial.bar:
            saved = f"{latency.ratio.value:.2f}× as fast, {size:,} bytes"
            raise GivenUp(f"given up before its recovery: {saved} would not beat what is known")

    def judge(self, model: Candidate) -> Scorecard:
        """The scorecard of the model's file on validation."""
        card = self.gauge.judge(self.export(model), self.latency)
        self.measured = {"speedup": card.latency.ratio.value, "bytes": card.size.bytes}
        return card

    def take_all(self, steps: Sequence[AnyStep], model: Candidate) -> Candidate:
        """The steps one after the other; each is kept as a stage."""
        for step in steps:
            model = self.train(step, model) if isinstance(step, DistillationSpec) else self.compress(step, model)
            self.stages.append((step_title(step), model))
        return model

    def train(self, step: DistillationSpec, model: Candidate) -> Candidate:
        """A recovery or a student, epoch by epoch; a killed one goes on after its last epoch."""
        from tasks.compression import fine_tuning

        trial, recipe = self.trial, self.trial.recipe
        checkpoint = self.desk.folder / f"{len(self.stages)}.pt"
        knobs = (trial.prepared, recipe.augment, recipe.goal.metric, self.workspace, checkpoint, self.on_epoch)
        self.before = self.epochs
        if isinstance(step, Distill):
            return fine_tuning.distill(trial.baseline, step, *knobs)
        assert isinstance(step, Recover)
        return fine_tuning.recover(model, trial.baseline, step, *knobs)

    def on_epoch(self, epoch: Epoch) -> None:
        """Reports where the branch would stand if its file lost what the network loses.

        It does so at the place that the epoch has in the longest training of the search: branches are compared at the
        same share of their learning rate's way, for in the middle of it all score worse than at its end.
        """
        sign = 1 if self.trial.recipe.goal.metric in LOWER_IS_BETTER else -1
        drop = sign * (epoch.validation_score - self.trial.score)
        self.epochs = self.before + epoch.number
        place = math.ceil(self.trial.longest * self.epochs / self.most)
        rank = self.trial.rank(dataclasses.replace(self.ahead, drop=drop))
        self.desk.report(place, rank, self.measured | {"drop": drop})

    def compress(self, step: AnyStep, model: Candidate) -> Candidate:
        """One technique; what acts on a file gets one."""
        from contextlib import nullcontext

        from tasks.compression import compress as compression
        from tasks.compression.host_costs import costs_kept
        from tasks.kernels.host import measurement_lock

        technique: Any = step.technique() if isinstance(step, Plugin) else step
        with measurement_lock.shared_use(), costs_kept(self.workspace.home) if technique.asks_host else nullcontext():
            before = self.export(model) if technique.form == "onnx" else model
            return compression.compress(before, technique, self.trial.prepared, self.workspace.store)

    def export(self, model: Candidate) -> Candidate:
        """The model as an ONNX file."""
        from tasks.conversion import onnx_export
        from tasks.kernels.host import measurement_lock

        if model.form == "onnx":
            return model
        with measurement_lock.shared_use():
            return onnx_export.export(model, self.trial.prepared, self.trial.recipe.export, self.workspace.store)
