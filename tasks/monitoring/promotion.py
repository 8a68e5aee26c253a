"""Promotion: whether a challenger takes the champion's place, decided by losses of both on the same fresh rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.core import Estimate, InputError
from tasks.core.goal import TIE, Limits
from tasks.kernels.statistics.multiplicity import error_share
from tasks.kernels.statistics.one_sided_bounds import PairedBound

Verdict = Literal["promote", "stay", "not proven"]


@dataclass(frozen=True)
class RunningCosts:
    """What one version costs where it runs."""

    bytes: int
    latency_ms: float
    host: str
    """Where it was measured (`machine.host_name`): instruction sets and the runtime's version are in it."""


@dataclass(frozen=True)
class Comparison:
    """A challenger beside the champion."""

    loss: PairedBound
    """Challenger minus champion, in the loss's unit, at `gate_alpha`."""
    champion: RunningCosts
    challenger: RunningCosts
    speed: Estimate
    """The champion's latency over the challenger's, measured interleaved: above 1, the challenger is faster."""
    is_exact: bool
    """Whether the parity of the challenger's file is proven."""
    speedup: float | None = None
    """The baseline's latency over the challenger's, for `limits.speedup`."""
    hurt: tuple[str, ...] = ()
    """Groups in which the challenger loses more than `limits.group_drop`."""


@dataclass(frozen=True)
class Promotion:
    """What the gate decides."""

    verdict: Verdict
    reason: str
    """In one sentence, for the registry."""
    needed: int | None = None
    """Of `not proven`: rows that would prove it, if the challenger is as good as the champion, or better by the
    margin."""


def gate_alpha(alpha: float, k: int) -> float:
    """The error of the k-th comparison (from 1) of one name since it began; all together make an error of `alpha`.

    Raises:
        InputError: k is below 1.
    """
    if k < 1:
        raise InputError("comparisons count from 1", value=k)
    return error_share(alpha, k)


def judge_challenger(
    found: Comparison, margin: float, limits: Limits, alpha: float, k: int, tie: float = TIE
) -> Promotion:
    """Decides the k-th comparison.

    Promoted is what is proven worse by no more than the margin, keeps the limits, and is proven better, or else cheaper
    (`is_cheaper`). Only the loss is uncertain: a challenger that is worse by the margin or more, or that is as good and
    no cheaper, is promoted with a chance of at most the share of alpha of this comparison.

    Args:
        found: what was measured; its bound is at `gate_alpha(alpha, k)`.
        margin: the largest loss that is accepted, above 0.
        limits: of the goal.
        alpha: the error of all comparisons together.
        k: the number of this comparison.
        tie: by which share a cost must be lower to count.

    Raises:
        InputError: the margin is not above 0, or the bound has another error than this comparison may have.
    """
    if margin <= 0:
        raise InputError("must be above 0: no number of rows proves that nothing at all is lost", path="goal.max_drop")
    if abs(found.loss.alpha - gate_alpha(alpha, k)) > 1e-9:
        raise InputError(f"the bound of comparison {k} must have an error of {gate_alpha(alpha, k):.3g}")
    obstacle = obstacle_of(found, limits)
    if obstacle:
        return Promotion("stay", f"the champion stays: {obstacle}")
    loss, cheaper = found.loss, is_cheaper(found, tie)
    told = f"loss {loss.value:+.4g} (at most {loss.upper:+.4g}) on {loss.n:,} rows, margin {margin:g}"
    if loss.is_within(margin) and (loss.is_better or cheaper):
        why = " and ".join(["proven better"] * loss.is_better + [cheaper] * bool(cheaper))
        proof = "" if loss.is_better else "proven not worse by more than the margin, and "
        return Promotion("promote", f"promoted: {proof}{why}: {told}")
    if loss.value > margin:
        return Promotion("stay", f"the champion stays: the challenger is worse by more than the margin: {told}")
    if not cheaper and loss.value >= 0:
        return Promotion("stay", f"the champion stays: the challenger is neither better nor faster nor smaller: {told}")
    needed = loss.rows_needed(margin, gate_alpha(alpha, k + 1))
    about = f"about {needed:,} rows would" if needed else "no number of rows would"
    case = f"it is as good, being {cheaper}" if cheaper else "it is better by the margin"
    return Promotion("not proven", f"not proven, the champion stays: {told}; {about}, if {case}", needed)


def obstacle_of(found: Comparison, limits: Limits) -> str:
    """Why the challenger cannot be promoted, whatever its loss; empty where nothing stands against it."""
    new = found.challenger
    if not found.is_exact:
        return "the challenger's file is not proven equal to its model"
    if new.host != found.champion.host:
        return f"the two were measured on different hosts: {found.champion.host}, and {new.host}"
    if limits.excess(new.bytes, new.latency_ms, found.speedup) > 0:
        return f"the challenger exceeds the limits: {new.bytes:,} bytes, {new.latency_ms:.4g} ms"
    if found.hurt:
        return f"the challenger hurts {', '.join(found.hurt)}"
    return ""


def is_cheaper(found: Comparison, tie: float = TIE) -> str:
    """`faster`, `smaller`, `faster and smaller`, or empty.

    One cost must be lower by more than the share `tie`, of latency with its whole interval below the champion's, and
    the other higher by no more than the share.
    """
    size, speed = found.champion.bytes / found.challenger.bytes, found.speed
    enough = 1 / (1 - tie)
    is_faster, is_smaller = speed.value > enough and speed.low > 1, size > enough
    is_slower, is_larger = speed.value * enough < 1, size * enough < 1
    if (is_faster and is_larger) or (is_smaller and is_slower):
        return ""
    return " and ".join(["faster"] * is_faster + ["smaller"] * is_smaller)
