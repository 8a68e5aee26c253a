"""File comparison: the files of a round side by side on the same validation examples, and their latencies."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from flows.study.study_context import Study
from tasks.compression.file_scores import FileScore, score_files
from tasks.compression.measure import evaluate_candidates
from tasks.core import Candidate, Estimate, Scorecard
from tasks.evaluation.engines import timing_host
from tasks.evaluation.evaluate import EvaluationSpec
from tasks.evaluation.metric_choice import metric_spec
from tasks.study.design import Design
from tasks.study.effects import Measured

PROCESSES = 3
"""Fresh processes that time the files of a round: the fewest."""


def compare_files(design: Design, files: Mapping[str, Candidate], seed: int, study: Study) -> dict[str, Measured]:
    """The files' scores on validation and their gains over the first; where latencies are the cost, these, too."""
    first = next(iter(files))
    if design.cost != "latency":
        scores = score(files, first, study)
        return {name: _measured(name, seed, each, None, name == first) for name, each in scores.items()}
    cards = evaluate_all(files, files[first].digest, study)
    return {
        name: _measured(name, seed, FileScore(card.score, card.drop, card.size.bytes), card, name == first)
        for name, each in files.items()
        for card in (cards[each.digest],)
    }


def _measured(name: str, seed: int, each: FileScore, card: Scorecard | None, is_first: bool) -> Measured:
    drop = each.drop.estimate
    gain = Estimate(-drop.value, -drop.high, -drop.low, drop.n)
    found = Measured(name, seed, each.score.value, None if is_first else gain, bytes=each.bytes)
    if card is None:
        return found
    return dataclasses.replace(found, latency_ms=card.latency.median_ms, speedup=card.latency.ratio)


def score(files: Mapping[str, Candidate], reference: str, study: Study) -> dict[str, FileScore]:
    """The files' scores on validation, paired with one of them."""
    given = files, reference, study.prepared, scoring_spec(study), timing_host(study.recipe.runtime), study.job.context
    return study.job.runner.run(f"score {', '.join(files)}", score_files, *given)


def evaluate_all(files: Mapping[str, Candidate], reference: str, study: Study) -> dict[str, Scorecard]:
    """The files' scorecards on validation, with their latencies measured interleaved."""
    host = timing_host(study.recipe.runtime)
    given = files, reference, study.prepared, scoring_spec(study), None, host, study.job.context
    return study.job.runner.run(f"measure {', '.join(files)}", evaluate_candidates, *given)


def scoring_spec(study: Study) -> EvaluationSpec:
    """How the study scores: on validation, as the main job does.

    A latency is repeated in PROCESSES alone: the seeds repeat it once more, and its interval is over them.
    """
    goal = study.recipe.goal
    runtime = study.recipe.runtime.model_copy(update={"processes": PROCESSES})
    return EvaluationSpec(goal, runtime, "validation", metric_spec(goal, study.prepared.dataset))
