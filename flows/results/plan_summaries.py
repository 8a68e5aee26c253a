"""Plan summaries: what a step did, as text for the report, from its plan and its training record."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from tasks.core import InputError, Step
from tasks.techniques import general_summary, technique_of_step


def summarize_step(step: Step, plan: dict[str, Any], record: dict[str, Any]) -> str:
    """The step's plan, its validation scores and its best epoch, as text; empty when there is none of these.

    Args:
        plan: the technique's plan; empty for steps without one.
        record: the step's record; `rungs` are the stages of a repair, `curve` the learning curve.
    """
    words = [_plan_words(step, plan)] if plan else []
    if rungs := [rung for rung in record.get("rungs", ()) if rung["score"] is not None]:
        words.append("validation " + ", ".join(f"{rung['rung']} {rung['score']:.4f}" for rung in rungs))
    if record.get("curve"):
        best, last = record["best_epoch"], record["curve"][-1]["number"]
        words.append(f"{f'best epoch {best} of {last}' if best else f'none of {last} epochs better than the start'}")
        words.append(f"ended by {record['stopped']}")
    return ", ".join(filter(None, words))


def _plan_words(step: Step, plan: dict[str, Any]) -> str:
    """The technique's summary of its plan.

    For a plug-in that no longer exists or has other knobs now, the general part (`general_summary`).
    """
    try:
        technique = technique_of_step(step)
    except (InputError, ValidationError):
        return general_summary(plan)
    return technique.summary(plan)
