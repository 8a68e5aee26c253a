"""Plan summaries: what a step did, as text for the report, from its plan and its training record."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from tasks.core import InputError, Step
from tasks.kernels.training.precision_choice import PrecisionChoice
from tasks.techniques import general_summary, technique_of_step

NAMED_COLUMNS = 8
"""Most dropped columns that are named."""


def summarize_step(step: Step, plan: dict[str, Any], record: dict[str, Any]) -> str:
    """The step's plan, the columns that it dropped, its validation scores and its best epoch, as text.

    It is empty when there is none of these.

    Args:
        plan: the technique's plan; empty for steps without one.
        record: the step's record; `rungs` are the stages of a repair, `curve` the learning curve, `dropped` the
            columns that are no inputs any more, `strength` the regularization of a fitted last layer.
    """
    words = [_plan_words(step, plan)] if plan else []
    if members := record.get("members"):
        words.append(" + ".join(_member_words(each) for each in members))
    if gain := record.get("gain"):
        words.append(f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}] over {record['best_member']}")
    if "strength" in record:
        words.append(f"last layer fitted with C = {record['strength']:g}, validation {record['validation']:.4f}")
    if count := record.get("lessons"):
        words.append(f"taught with {count:,} answers of the baseline, {record['synthetic']:,} of them for made rows")
    if rungs := [rung for rung in record.get("rungs", ()) if rung["score"] is not None]:
        words.append("validation " + ", ".join(f"{rung['rung']} {rung['score']:.4f}" for rung in rungs))
    if dropped := record.get("dropped", ()):
        more = f", … ({len(dropped)} in all)" if len(dropped) > NAMED_COLUMNS else ""
        words.append(f"without {', '.join(dropped[:NAMED_COLUMNS])}{more}")
    if record.get("curve"):
        best, last = record["best_epoch"], record["curve"][-1]["number"]
        words.append(f"{f'best epoch {best} of {last}' if best else f'none of {last} epochs better than the start'}")
        words.append(record.get("divergence") or f"ended by {record['stopped']}")
    if tested := record.get("rate_range"):
        words.append(f"learning rate {tested['chosen']:g} by a range test of {len(tested['rates'])} steps")
    if measured := record.get("arithmetic"):
        words.append(str(PrecisionChoice(**measured)))
    return ", ".join(filter(None, words))


def _member_words(member: dict[str, Any]) -> str:
    """A member of an ensemble, its weight in an average, and the seconds of its fit."""
    weight = "" if member["weight"] is None else f"{member['weight']:.2f} × "
    score = f"validation {member['validation']:.4f}, " if "validation" in member else ""
    return f"{weight}{member['family']} ({score}{member['seconds']:.1f} s)"


def _plan_words(step: Step, plan: dict[str, Any]) -> str:
    """The technique's summary of its plan.

    For a plug-in that no longer exists or has other knobs now, the general part (`general_summary`).
    """
    try:
        technique = technique_of_step(step)
    except (InputError, ValidationError):
        return general_summary(plan)
    return technique.summary(plan)
