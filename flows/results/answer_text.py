"""Answer text: what a run found, in the sentences that begin its report and end its terminal output."""

from __future__ import annotations

from flows.pipeline.engines.engine_text import describe_engine
from flows.pipeline.findings import Findings
from flows.pipeline.measurement import TWIN_SEEDS, kind_of_fit
from flows.results import group_text, near_misses, operating_text
from tasks.core import Drop, Scorecard, Store
from tasks.evaluation.groups import hurt_groups
from tasks.evaluation.references import ALWAYS
from tasks.kernels.training.learning_curve import Epoch
from tasks.report.training_text import TrainingFacts, describe_training


def answer_of(findings: Findings) -> str:
    """The result of the run in a few sentences: what is wrong with the baseline, what was gained, which groups lose."""
    warnings = baseline_warnings(findings.baseline)
    told = [*describe_engine(findings), *operating_text.describe_point(findings), *group_text.group_warnings(findings)]
    told += describe_augmentation(findings, lowering=True)
    told += describe_ensemble(findings)
    return " ".join([*warnings, product_answer(findings), *told])


def baseline_warnings(card: Scorecard) -> list[str]:
    """Sentences on a baseline that is not better than a simpler answer; none for one that is proven better.

    Args:
        card: the baseline's scorecard.
    """
    if not card.references:
        return []
    constant, *others = card.references
    where, score = f"on {card.score.n:,} {card.split} examples", f"{card.metric_title} {card.score.value:.4f}"
    if constant.verdict == "no better":
        law = f"The baseline has learned nothing: {where} it is no better than to answer {constant.name}"
        return [f"{law} ({score} against {constant.score.value:.4f}), so it becomes no champion."]
    told = []
    if constant.verdict == "not proven better":
        gain = f"{constant.gain.value:.4f} [{constant.gain.low:.4f}, {constant.gain.high:.4f}]"
        told.append(f"The baseline is not proven better than to answer {constant.name}: {where} it gains {gain}.")
    for other in others:
        if other.verdict == "no better":
            scores = f"{score} against {other.score.value:.4f}"
            is_constant = other.name.startswith(ALWAYS)
            simpler = f"to answer {other.name}" if is_constant else f"{other.name} that is fitted in a second"
            told.append(f"The baseline is no better than {simpler} ({scores}, {where}).")
    return told


def product_answer(findings: Findings) -> str:
    """What the product gains, in a sentence with the numbers of the test split.

    When no candidate meets the goal, it names the nearest miss on validation.
    """
    goal, title = findings.recipe.goal, findings.metric.title
    if not findings.choice.meets_goal:
        bound = goal.limits.group_drop
        groups = "" if bound is None else f", in every group within {bound:g},"
        wish = f"keeps {title} within {goal.max_drop:g}{groups} and gains on {goal.minimize}"
        return f"No candidate {wish}: the product is the baseline. {near_misses.nearest_miss(findings)}".strip()
    chosen = findings.tested
    drop = chosen.drop.estimate
    if not findings.meets_goal and chosen.drop.verdict != "beyond":
        hurt = group_text.describe_hurt(hurt_groups(chosen)[0], chosen, findings.baseline)
        return f"{chosen.name} was chosen on validation, but on test {hurt}: the product is the baseline."
    if chosen.candidate == findings.baseline.candidate:
        family, score = findings.recipe.model.family, chosen.score
        value = f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]"
        best = f"The best model, {family}, is also the least costly of those within {goal.max_drop:g} of it"
        return f"{best}: {title} {value} on {score.n:,} test examples, {chosen.size.bytes:,} bytes."
    if not findings.meets_goal:
        return (
            f"{chosen.name} was chosen on validation, but on test it loses {drop.value:.4f} {title}, beyond "
            f"{goal.max_drop:g}: the product is the baseline."
        )
    change = f"{'loses' if drop.value > 0 else 'gains'} {abs(drop.value):.4f}" if drop.value else "loses no"
    speed = f"{chosen.latency.ratio.value:.2f}× as fast as the baseline"
    if chosen.latency.verdict != "faster":
        speed = f"not measurably faster than the baseline ({chosen.latency.words})"
    test = f"on {drop.n:,} test examples it {change} {title}: {describe_verdict(chosen.drop)}"
    return f"{chosen.name} is {speed} and {chosen.size_ratio:.2f}× smaller; {test}."


def training_answer(findings: Findings, store: Store) -> str:
    """Whether the baseline underfits, overfits or neither, in a sentence; empty where that is not known."""
    baseline = findings.results[0].stages[0]
    fitted = kind_of_fit(baseline.exported, findings.prepared.dataset)
    if fitted is None or findings.train_score is None:
        return ""
    last = next(step for step in reversed(baseline.model.lineage) if step.technique != "export")
    record = store.get_json(last.record) if last.record else {}
    curve = tuple(Epoch(**each) for each in record.get("curve", ()))
    validation = findings.cards[baseline.exported.digest].score
    facts = TrainingFacts(fitted, curve, findings.train_score, validation, record.get("divergence", ""))
    return describe_training(facts, findings.metric, findings.recipe.goal.max_drop)


def describe_verdict(drop: Drop) -> str:
    """The verdict with its margin, as text."""
    if drop.verdict == "within, not proven":
        needs = f"; {drop.needed:,} examples would" if drop.needed else ""
        return f"within {drop.margin:g}, though {drop.estimate.n} examples do not prove it{needs}"
    return f"{drop.verdict} {drop.margin:g}"


def describe_ensemble(findings: Findings) -> list[str]:
    """A sentence on what an ensemble of networks gains over its best member; none for other baselines."""
    found = findings.ensemble
    if found is None:
        return []
    gain, title = found.gain, findings.metric.title
    judged = "better" if gain.low > 0 else "worse" if gain.high < 0 else "not measurably better"
    size = f"{title} {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] on {gain.n:,} validation examples"
    return [f"The ensemble of {found.members} networks is {judged} than its best one ({found.best}): {size}, paired."]


def describe_augmentation(findings: Findings, *, lowering: bool) -> list[str]:
    """Sentences on the steps of the augmentation that make the network worse; or, not `lowering`, on the others."""
    told, title, worse = [], findings.metric.title, "raises" if findings.metric.lower_is_better else "lowers"
    better = "lowers" if worse == "raises" else "raises"
    for each in findings.augmentation:
        gain, tag = each.gain, findings.recipe.augment[each.place].step
        low, high = (gain.low, gain.high) if gain.value >= 0 else (-gain.high, -gain.low)
        where = f"on {gain.n:,} validation examples and {TWIN_SEEDS} seeds"
        size = f"{title} by {abs(gain.value):.4f} [{low:.4f}, {high:.4f}] {where}"
        if lowering and gain.high < 0:
            told.append(f"augment: {tag} {worse} {size}: leave it out.")
        elif not lowering and gain.high >= 0:
            is_proven = "" if gain.low > 0 else ", which may be chance"
            told.append(f"augment: {tag} {better if gain.value >= 0 else worse} {size}{is_proven}.")
    return told
