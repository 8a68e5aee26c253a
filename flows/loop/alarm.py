"""Alarm: tells Prefect that something has to be done, and whether a run came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from flows.loop.monitor_outcome import MonitorOutcome
from flows.services.deployment_catalog import EVENT, RESOURCE
from flows.services.service_catalog import page_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

WAIT = 20.0
"""Seconds for which a run is waited for that an automation should make."""


def sound_alarm(outcome: MonitorOutcome) -> str:
    """Emits EVENT, and looks whether an automation made a run of it; returns what came of it, in a sentence.

    The payload has no bare number or truth value: Prefect parses a parameter that a template makes, and a number in
    place of text starts no run.
    """
    from prefect.client.orchestration import get_client
    from prefect.events import emit_event

    reason = f"monitor: {'; '.join(each.sentence for each in outcome.looks if each.level == 'act')}"
    event = emit_event(
        event=EVENT,
        resource={"prefect.resource.id": f"{RESOURCE}{outcome.name}", "prefect.resource.name": outcome.name},
        payload={"reason": reason, "version": f"version {outcome.version}", "source": outcome.source},
    )
    if event is None:
        return "Prefect took no event: run `paredown retrain CONF` by hand"
    with get_client(sync_client=True) as client:
        waiting = listeners(client.read_automations(), outcome.name)
        if not waiting:
            law = f"no automation waits for {EVENT} of {outcome.name}"
            return f"{law}: `paredown deploy CONF` makes one; run `paredown retrain CONF` by hand"
        run, page = awaited_run(client, waiting, event.occurred), page_of(str(client.api_url))
    if run:
        return f"the automation started retrain: {page}/runs/flow-run/{run}"
    late = f"an automation waits for {EVENT}, but no run came of it within {WAIT:.0f} s"
    return f"{late}: look for prefect.automation.action.failed among Prefect's events, or retrain by hand"


def listeners(automations: Sequence[AutomationCore], name: str) -> set[UUID]:
    """The deployments that enabled automations run upon EVENT of a product."""
    from prefect.events.actions import RunDeployment
    from prefect.events.schemas.automations import EventTrigger

    found: set[UUID] = set()
    for automation in automations:
        trigger = automation.trigger
        if automation.enabled and isinstance(trigger, EventTrigger) and EVENT in trigger.expect:
            wanted = trigger.match.get("prefect.resource.id", "*")
            patterns = [wanted] if isinstance(wanted, str) else wanted or []
            if any(f"{RESOURCE}{name}" == each or _covers(each, f"{RESOURCE}{name}") for each in patterns):
                runs = [action for action in automation.actions if isinstance(action, RunDeployment)]
                found |= {action.deployment_id for action in runs if action.deployment_id is not None}
    return found


def awaited_run(client: SyncPrefectClient, deployments: Set[UUID], since: datetime) -> UUID | None:
    """The run of these deployments that an automation made since then; waited for; None without one."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
    from prefect.client.schemas.sorting import FlowRunSort

    wanted = DeploymentFilter(id=DeploymentFilterId(any_=list(deployments)))
    order, end = FlowRunSort.EXPECTED_START_TIME_DESC, time.monotonic() + WAIT
    while time.monotonic() < end:
        for run in client.read_flow_runs(deployment_filter=wanted, sort=order, limit=20):
            by_automation = run.created_by is not None and run.created_by.type == "AUTOMATION"
            if by_automation and run.created is not None and run.created >= since:
                return run.id
        time.sleep(0.5)
    return None


def _covers(pattern: str, identity: str) -> bool:
    return pattern.endswith("*") and identity.startswith(pattern[:-1])
