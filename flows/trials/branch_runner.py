"""Running a branch on one worker, from the baseline to a file: reduced, timed ahead, recovered, finished."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows.trials.branch_scoring import BranchEvaluator, Reference
from tasks.compression.branch import BASELINE, AnyStep, Branch, form_of, is_training, step_title
from tasks.core import Candidate, Context, Latency, PlainRunner, Refusal, Scorecard, Update
from tasks.evaluation import ranking
from tasks.training.student import Distill

if TYPE_CHECKING:
    from tasks.search.objective import TrialContext


class GivenUp(Exception):  # noqa: N818 - it is an answer, not a fault
    """A branch cannot beat what is known; the message says why."""


class BranchRunner:
    """A branch under way on one worker."""

    def __init__(self, reference: Reference, trial: TrialContext) -> None:
        self.reference, self.trial = reference, trial
        self.evaluator = BranchEvaluator(reference, trial.shared[BASELINE], trial.workspace.store)
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

    def run(self, branch: Branch) -> Scorecard:
        """The scorecard of the branch's file on validation.

        Raises:
            Refusal: a step refuses.
            GivenUp: the branch cannot beat what is known.
        """
        place = next((place for place, step in enumerate(branch.steps) if is_training(step)), len(branch.steps))
        front, rest = branch.steps[:place], branch.steps[place:]
        self.most = sum(step.most_epochs for step in rest if is_training(step))
        model = self.take_all(front, self.reference.baseline)
        if rest and not isinstance(rest[0], Distill):
            self.look_ahead(model, [step for step in rest if not is_training(step)])
        return self.score(self.take_all(rest, model))

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
        evaluator, reference = self.evaluator, self.reference
        latency, size = evaluator.time(product), evaluator.size(product)
        self.latency, self.measured = latency, {"speedup": latency.ratio.value, "bytes": size}
        size_ratio = evaluator.size(reference.exported) / size
        self.ahead = ranking.position_ahead(latency, size, size_ratio, reference.recipe.goal)
        if reference.rank(self.ahead) <= reference.bar:
            saved = f"{latency.ratio.value:.2f}× as fast, {size:,} bytes"
            raise GivenUp(f"given up before its recovery: {saved} would not beat what is known")

    def score(self, model: Candidate) -> Scorecard:
        """The scorecard of the model's file on validation."""
        card = self.evaluator.score(self.export(model), self.latency)
        self.measured = {"speedup": card.latency.ratio.value, "bytes": card.size.bytes}
        return card

    def take_all(self, steps: Sequence[AnyStep], model: Candidate) -> Candidate:
        """The steps one after the other; each is kept as a stage, and its training goes on where it was killed."""
        from tasks.compression.run_step import StepInputs, run_step
        from tasks.training.training_data import TrainingInputs

        reference, recipe = self.reference, self.reference.recipe
        training = TrainingInputs(reference.prepared, recipe.augment, recipe.goal.metric)
        inputs = StepInputs(reference.baseline, training, host="")
        for step in steps:
            self.before = self.epochs
            checkpoint = self.trial.folder / f"{len(self.stages)}.pt"
            context = Context(self.trial.workspace, checkpoint, self.on_update)
            model = self.export(model) if form_of(step) == "onnx" else model
            model = run_step(step, model, inputs, context, PlainRunner(), step_title(step))
            self.stages.append((step_title(step), model))
        return model

    def on_update(self, update: Update) -> None:
        """Reports where the branch would stand if its file lost what the network loses.

        It does so at the place that the epoch has in the longest training of the search: branches are compared at the
        same share of their learning rate's way, for in the middle of it all score worse than at its end.
        """
        from tasks.kernels.statistics.metrics import METRICS

        if update.score is None:
            return
        drop = METRICS[self.reference.recipe.goal.metric].loss(update.score, self.reference.score)
        self.epochs = self.before + update.done
        place = math.ceil(self.reference.longest * self.epochs / self.most)
        rank = self.reference.rank(dataclasses.replace(self.ahead, drop=drop))
        self.trial.report(place, rank, self.measured | {"drop": drop})

    def export(self, model: Candidate) -> Candidate:
        """The model as an ONNX file."""
        from tasks.conversion.onnx_export import export

        if model.form == "onnx":
            return model
        return export(model, self.reference.prepared, self.reference.recipe.export, self.trial.workspace.store)
