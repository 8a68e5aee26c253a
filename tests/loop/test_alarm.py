"""Alarm: which automations wait for what a monitor says."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from prefect.events import DeploymentEventTrigger
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import AutomationCore

from flows.loop.alarm import listeners
from flows.services.deployment_catalog import EVENT

RETRAIN = UUID(int=1)
"""The deployment that the automation runs."""


def automation(**changes: Any) -> AutomationCore:
    """The automation of a deployment's trigger, as `paredown deploy` makes it."""
    given = {"expect": [EVENT], "match": {"prefect.resource.id": "paredown.product.club"}, "threshold": 1, "within": 0}
    trigger = DeploymentEventTrigger.model_validate({"name": "retrain", **given, **changes})
    trigger.set_deployment_id(RETRAIN)
    return trigger.as_automation()


@pytest.mark.parametrize("match", ["paredown.product.club", "paredown.product.*", "*"])
def test_an_automation_of_this_product_or_of_all_listens(match: str) -> None:
    assert listeners([automation(match={"prefect.resource.id": match})], "club") == {RETRAIN}


@pytest.mark.parametrize(
    "changes",
    [
        {"match": {"prefect.resource.id": "paredown.product.clubs"}},
        {"expect": ["paredown.something"]},
        {"enabled": False},
    ],
)
def test_others_do_not(changes: dict[str, Any]) -> None:
    assert listeners([automation(**changes)], "club") == set()
    assert listeners([], "club") == set()


def test_one_that_only_tells_people_starts_no_run() -> None:
    told = SendNotification(block_document_id=RETRAIN, subject="act", body="act")
    assert listeners([automation().model_copy(update={"actions": [told]})], "club") == set()
