"""Operating text: the threshold at which the product answers, and what it keeps on test, as sentences."""

from __future__ import annotations

from flows.pipeline.findings import Findings


def describe_point(findings: Findings) -> list[str]:
    """Sentences on the product's threshold and on the precision or specificity on test; none without a threshold."""
    card, spec = findings.test[findings.product.digest], findings.metric_spec
    if card.threshold is None:
        return []
    kept = spec.name.rpartition("_at_")[2]
    if card.threshold > 1:
        law = f"no threshold keeps {kept} {spec.at:g} on validation" if spec.name != "cost" else "that costs least"
        return [f"{spec.label!r} is never answered: {law}."]
    told = f"{spec.label!r} is answered from a probability of {card.threshold:.4g} on, as validation chose"
    if spec.name == "cost":
        return [f"{told}."]
    if card.reached is None:
        return [f"{told}; on test {kept} has no value, for there is no such example."]
    reached = card.reached
    shown = f"{reached.value:.4f} [{reached.low:.4f}, {reached.high:.4f}], n = {reached.n:,}"
    if reached.value < spec.at:
        return [f"{told}; on test {kept} is then {shown}: below the {spec.at:g} that the goal asks."]
    return [f"{told}; on test {kept} is then {shown}, where the goal asks {spec.at:g}."]
