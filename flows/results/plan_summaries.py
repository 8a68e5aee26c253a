"""What a step did, in a few words for the report: from its plan and from its record of training."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from tasks.core import InputError, Step
from tasks.techniques import general_summary, technique_of_step


def summarize_step(step: Step, plan: dict[str, Any], record: dict[str, Any]) -> str:
    """The step's plan, its validation scores and its best epoch; empty where there is nothing of these."""
    words = [_plan_words(step, plan)] if plan else []
    if rungs := [rung for rung in record.get("rungs", ()) if rung["score"] is not None]:
        words.append("validation " + ", ".join(f"{rung['rung']} {rung['score']:.4f}" for rung in rungs))
    if record.get("curve"):
        words.append(f"best epoch {record['best_epoch']} of {len(record['curve'])}, ended by {record['stopped']}")
    return ", ".join(filter(None, words))


def _plan_words(step: Step, plan: dict[str, Any]) -> str:
    """The technique's summary of its plan; of a plug-in that is gone or has other knobs now, the general part."""
    try:
        technique = technique_of_step(step)
    except (InputError, ValidationError):
        return general_summary(plan)
    return technique.summary(plan)
