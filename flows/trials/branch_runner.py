"""Branch runner: runs a branch on one worker: reduces the model, times it before training, recovers, finishes it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows.trials.branch_scoring import BranchEvaluator, Reference
from flows.trials.step_memory import StepMemory
from tasks.compression.branch import BASELINE, AnyStep, Branch, form_of, is_training, step_title
from tasks.core import Candidate, Context, Latency, PlainRunner, Refusal, Scorecard, Update
from tasks.data.preprocessing import column_steps
from tasks.evaluation import ranking
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.search.results import CEILING
from tasks.training.student import Distill

if TYPE_CHECKING:
    from tasks.search.objective import TrialContext


class GivenUp(Exception):  # noqa: N818 - it is an answer, not a fault
    """A branch is not run further because it cannot beat the best rank so far; the message says why."""


class BranchRunner:
    """Runs one branch on one worker.

    What another trial of the search has computed on this node is taken from there (`StepMemory`).

    Args:
        reference: what the branch is compared with.
        trial: the context of the trial; its shared arrays hold the baseline's outputs.
        scope: what the results of steps depend on besides (`Objective.identity`).
    """

    def __init__(self, reference: Reference, trial: TrialContext, scope: str) -> None:
        self.reference, self.trial = reference, trial
        self.memory = StepMemory(trial.common, trial.workspace.store, scope)
        self.bar = reference.bar if trial.best is None else max(reference.bar, trial.best)
        """The best rank so far; a branch is useful only above it."""
        self.evaluator = BranchEvaluator(reference, trial.shared[BASELINE], trial.workspace.store)
        self.stages: list[tuple[str, Candidate]] = []
        """(title, candidate after the step) of each step so far."""
        self.epochs = 0
        """Epochs of training so far, over all steps."""
        self.before = 0
        """Epochs of training before the current step."""
        self.most = 1
        """Most epochs of training of the whole branch."""
        self.ahead = ranking.GoalPosition(0.0, 0.0)
        """The branch's position if its file lost nothing; known after `look_ahead`."""
        self.latency: Latency | None = None
        """The latency that `look_ahead` measured; None before."""
        self.measured: dict[str, float] = {}
        """`speedup` and `bytes` of the file, as soon as they are known."""

    def run(self, branch: Branch, is_rung: bool, start: str | None = None) -> Scorecard:
        """Runs the branch; returns the validation scorecard of its file.

        The steps before the first training come first, then `look_ahead` (unless a student is trained), then the rest.

        Args:
            branch: the branch.
            is_rung: whether it may be continued by a longer one: then its epochs are not scaled to the longest.
            start: name of the recipe's branch with whose steps it begins; they are not run again.

        Raises:
            Refusal: a step cannot handle the model.
            GivenUp: the branch cannot beat the best rank so far (`bar`).
        """
        self.stages = list(self.reference.starts[start]) if start else []
        model, steps = self.stages[-1][1] if start else self.reference.baseline, branch.steps[len(self.stages) :]
        place = next((place for place, step in enumerate(steps) if is_training(step)), len(steps))
        front, rest = steps[:place], steps[place:]
        trained = sum(step.most_epochs for step in rest if is_training(step))
        self.most = self.reference.longest if is_rung else trained
        model = self.take_all(front, model)
        if rest and not isinstance(rest[0], Distill):
            self.look_ahead(model, [step for step in rest if not is_training(step)])
        return self.score(self.take_all(rest, model))

    def look_ahead(self, model: Candidate, steps: Sequence[AnyStep]) -> None:
        """Measures latency and size before training, which changes neither, and sets `ahead`, `latency` and `measured`.

        Args:
            model: the model after the steps before the first training.
            steps: the branch's later steps that do not train. If one of them refuses the model untrained, nothing is
                measured, because it may accept the trained model.

        Raises:
            GivenUp: even without any loss its rank would not be above `bar`.
        """
        known = self.memory.timing(model, tuple(steps)) or self.time_ahead(model, tuple(steps))
        if known is None:
            return
        reference, (latency, size) = self.reference, known
        size_ratio = self.evaluator.size(reference.exported) / size
        self.ahead = ranking.position_ahead(latency, size, size_ratio, reference.recipe.goal)
        ceiling = reference.rank(self.ahead)
        self.latency = latency
        self.measured = {"speedup": latency.ratio.value, "bytes": size, CEILING: ceiling}
        if ceiling <= self.bar:
            saved = f"{latency.ratio.value:.2f}× as fast, {size:,} bytes"
            raise GivenUp(f"given up before its recovery: {saved} would not beat what is known")

    def time_ahead(self, model: Candidate, steps: tuple[AnyStep, ...]) -> tuple[Latency, int] | None:
        """Latency and bytes of the file that `steps` make of the untrained model; None when a step refuses it."""
        stages = list(self.stages)
        try:
            product = self.make_product(self.take_all(steps, model))
        except Refusal:
            return None  # a step may accept the model after its recovery
        finally:
            self.stages = stages
        latency, size = self.evaluator.time(product), self.evaluator.size(product)
        self.memory.keep_timing(model, steps, latency, size)
        return latency, size

    def score(self, model: Candidate) -> Scorecard:
        """Exports the model; returns the validation scorecard of its file, with the known latency if there is one."""
        card = self.evaluator.score(self.make_product(model), self.latency)
        self.measured |= {"speedup": card.latency.ratio.value, "bytes": card.size.bytes}
        return card

    def take_all(self, steps: Sequence[AnyStep], model: Candidate) -> Candidate:
        """Runs the steps in order and appends each to `stages`; returns the last model.

        Each step has its own checkpoint in the trial's folder, from which its training continues after a restart.

        Raises:
            Refusal: a step cannot handle the model.
        """
        from tasks.compression.host_costs import TimingHost
        from tasks.compression.run_step import StepInputs, run_step
        from tasks.evaluation.engines import timing_runtime
        from tasks.training.training_data import TrainingInputs

        reference, recipe = self.reference, self.reference.recipe
        metric = metric_spec(recipe.goal, reference.prepared.dataset)
        training = TrainingInputs(reference.prepared, recipe.augment, metric)
        columns = column_steps(recipe.preprocess)
        host = TimingHost("", timing_runtime(recipe.runtime))  # no name: nothing is cached by it here
        inputs = StepInputs(reference.baseline, training, host, recipe.goal, columns)
        for step in steps:
            self.before = self.epochs
            checkpoint = self.trial.folder / f"{len(self.stages)}.pt"
            context = Context(self.trial.workspace, checkpoint, self.on_update)
            model = self.export(model) if form_of(step) == "onnx" else model
            made = self.memory.candidate(model, step)
            if made is None:
                made = run_step(step, model, inputs, context, PlainRunner(), step_title(step))
                self.memory.keep_candidate(model, step, made)
            elif is_training(step):
                self.epochs += step.most_epochs
            model = made
            self.stages.append((step_title(step), model))
        return model

    def on_update(self, update: Update) -> None:
        """Reports to the search, after each epoch, the rank of the branch if its file lost as much as the network.

        Its drop is what the goal's proof would see (`Reference.margin`). The epoch is scaled to the longest training of
        the search (`Reference.longest`), except that of a rung. So the scheduler compares branches at the same share
        of their learning-rate schedule: in its middle all score worse than at its end.
        """
        if update.score is None:
            return
        spec = metric_spec(self.reference.recipe.goal, self.reference.prepared.dataset)
        drop = metric_of(spec).loss(update.score, self.reference.score)
        self.epochs = self.before + update.done
        place = math.ceil(self.reference.longest * self.epochs / self.most)
        rank = self.reference.rank(dataclasses.replace(self.ahead, drop=drop + self.reference.margin))
        self.trial.report(place, rank, self.measured | {"drop": drop})

    def make_product(self, model: Candidate) -> Candidate:
        """The model's ONNX file, as it runs in the engine in which the search times.

        Raises:
            Refusal: the engine cannot run it, or answers otherwise.
        """
        from tasks.conversion.engine_trials import in_first_engine

        reference = self.reference
        return in_first_engine(
            self.export(model), reference.recipe.runtime, reference.prepared, self.trial.workspace.store
        )

    def export(self, model: Candidate) -> Candidate:
        """The model exported to ONNX; a model that is an ONNX file is returned unchanged."""
        from tasks.conversion.onnx_export import export

        if model.form == "onnx":
            return model
        return export(model, self.reference.prepared, self.reference.recipe.export, self.trial.workspace.store)
