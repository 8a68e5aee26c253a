"""Alarm: which automations wait for what a monitor says."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.events import DeploymentEventTrigger
from prefect.events.schemas.automations import AutomationCore

from flows.loop.alarm import EVENT, has_listener


def automation(**changes: Any) -> AutomationCore:
    """The automation of a deployment's trigger, as `deployments/prefect.yaml` writes it."""
    given = {"expect": [EVENT], "match": {"prefect.resource.id": "paredown.product.club"}, "threshold": 1, "within": 0}
    trigger = DeploymentEventTrigger.model_validate({"name": "retrain", **given, **changes})
    trigger.set_deployment_id("00000000-0000-0000-0000-000000000001")  # type: ignore[arg-type]
    return trigger.as_automation()


@pytest.mark.parametrize("match", ["paredown.product.club", "paredown.product.*", "*"])
def test_an_automation_of_this_product_or_of_all_listens(match: str) -> None:
    assert has_listener([automation(match={"prefect.resource.id": match})], "club")


@pytest.mark.parametrize(
    "changes",
    [
        {"match": {"prefect.resource.id": "paredown.product.clubs"}},
        {"expect": ["paredown.something"]},
        {"enabled": False},
    ],
)
def test_others_do_not(changes: dict[str, Any]) -> None:
    assert not has_listener([automation(**changes)], "club")
    assert not has_listener([], "club")
