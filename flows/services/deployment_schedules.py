"""Deployment schedules: when deployed flows run by themselves: at times, and after what the monitor says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from flows.services.deployed_recipes import DeployedRecipe
from flows.services.deployment_catalog import EVENT, FLOWS, RESOURCE, TIMEZONE
from tasks.core import InputError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.responses import DeploymentResponse


@dataclass(frozen=True)
class Timing:
    """When deployments run by themselves."""

    on: Mapping[str, str] = field(default_factory=dict)
    """Flow → its schedule (cron, UTC), which is switched on. Others stay as on the server; at first theirs is off."""
    is_off: bool = False
    """Whether every schedule is switched off."""

    @classmethod
    def of(cls, cron: str | None, watches: bool, is_off: bool) -> Timing:
        """Of the schedule of `optimize`, if one is given, and whether there are batches to be looked at.

        Raises:
            InputError: the schedule is not of five fields; whether they have a meaning, shows when it is deployed.
        """
        if cron is not None and len(cron.split()) != 5:
            raise no_schedule(cron)
        looks = FLOWS["monitor"].cron if watches else None
        return cls({flow: each for flow, each in (("optimize", cron), ("monitor", looks)) if each}, is_off)


def no_schedule(cron: str | None) -> InputError:
    """What is said of a schedule that is none."""
    law = "must be five fields: minute, hour, day, month, weekday"
    return InputError(law, path="--cron", value=cron, nearest=repr(FLOWS["optimize"].cron))


def schedules_of(
    known: DeploymentResponse | None, flow: str, recipe: DeployedRecipe, timing: Timing
) -> list[DeploymentScheduleCreate]:
    """The schedules of a deployment: those that the server has, unless this call says otherwise."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    usual, wanted = FLOWS[flow].cron, timing.on.get(flow)
    if usual is None or (flow == "monitor" and recipe.batches is None):
        return []
    if known is not None and known.schedules and wanted is None:
        kept = [(each.schedule, each.active) for each in known.schedules]
    else:
        try:
            kept = [(CronSchedule(cron=wanted or usual, timezone=TIMEZONE), wanted is not None)]
        except ValueError:
            raise no_schedule(wanted) from None
    return [DeploymentScheduleCreate(schedule=each, active=active and not timing.is_off) for each, active in kept]


def schedule_in_words(schedule: DeploymentScheduleCreate) -> str:
    """When a schedule runs, and whether it does."""
    when = getattr(schedule.schedule, "cron", None) or str(schedule.schedule)
    return f"{when} {'on' if schedule.active else 'off'}"


def listen(client: SyncPrefectClient, deployment: UUID, name: str, new_data: str | None) -> None:
    """Makes the automation by which what `monitor` says starts `retrain`; one that somebody switched off stays off."""
    from prefect.events import DeploymentEventTrigger

    owner, title = f"prefect.deployment.{deployment}", f"{EVENT} of {name}: retrain"
    before = client.read_resource_related_automations(owner)
    trigger = DeploymentEventTrigger(
        name=title,
        description=f"A batch that hurts the champion of {name} starts its retrain.",
        enabled=all(each.enabled for each in before if each.name == title),
        expect={EVENT},
        match={"prefect.resource.id": f"{RESOURCE}{name}"},
        threshold=1,
        within=timedelta(0),
        parameters={"data": new_data} if new_data and "{{" in new_data else None,
    )
    trigger.set_deployment_id(deployment)
    client.delete_resource_owned_automations(owner)
    client.create_automation(trigger.as_automation())
