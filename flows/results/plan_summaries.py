"""Phrases: what a step did, in a few words, from its plan and its record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Plan = dict[str, Any]


def summarize_step(technique: str, plan: Plan, record: dict[str, Any]) -> str:
    """A plan or a training in a few words; what a user's own technique planned is shown by its general keys."""
    words = [PHRASES[technique](plan)] if plan and technique in PHRASES else []
    if isinstance(measured := plan.get("measured"), float):
        words.append(f"measured {measured:.2f}x as fast")
    if left := plan.get("left_alone"):
        words.append(f"{len(left)} layers left alone")
    if rungs := [rung for rung in record.get("rungs", ()) if rung["score"] is not None]:
        words.append("validation " + ", ".join(f"{rung['rung']} {rung['score']:.4f}" for rung in rungs))
    if record.get("curve"):
        words.append(f"best epoch {record['best_epoch']} of {len(record['curve'])}, ended by {record['stopped']}")
    return ", ".join(words)


def _channels(plan: Plan) -> str:
    kept, whole = sum(len(cut["keep"]) for cut in plan["cuts"]), sum(cut["of"] for cut in plan["cuts"])
    phrase = f"{kept} of {whole} channels kept in {len(plan['cuts'])} groups"
    measured = plan.get("measured", {})
    return phrase + (f", measured {measured['measured']:.2f}x as fast" if "measured" in measured else "")


def _weights(plan: Plan) -> str:
    zeros, whole = sum(layer["zeros"] for layer in plan["layers"]), sum(layer["of"] for layer in plan["layers"])
    return f"{zeros:,} of {whole:,} weights zero in {len(plan['layers'])} layers"


def _int8(plan: Plan) -> str:
    in_float = f", {len(plan['in_float'])} operators left in float" if plan.get("in_float") else ""
    return f"variant {plan['variant']}{in_float}"


PHRASES: dict[str, Callable[[Plan], str]] = {
    "blocks": lambda plan: f"without {', '.join(plan['removed'])}; {len(plan['left'])} removable blocks left",
    "channels": _channels,
    "low_rank": lambda plan: f"{len(plan['layers'])} layers factorized",
    "weights": _weights,
    "quantize_aware": lambda plan: f"{len(plan['layers'])} layers with weights of {plan['weight_bits']} bits",
    "int8": _int8,
    "clean": lambda plan: f"{plan['operators'][0]} → {plan['operators'][1]} operators",
    "fp16": lambda plan: f"{len(plan['nodes'])} operators in float16",
    "weight_only": lambda plan: f"weights of {plan['bits']} bits",
    "pack": lambda plan: f"{plan['bytes'][0]:,} → {plan['bytes'][1]:,} bytes",
}
"""Technique → its plan in words."""
