"""Deployment catalog: what Prefect gets of each recipe: six flows by their module paths, with schedules and forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EVENT = "paredown.act"
"""What `monitor` emits where something has to be done; its resource is RESOURCE and the product's name."""
RESOURCE = "paredown.product."
LONGEST = 2 * 24 * 3600
"""Seconds after which a long run is ended as one that hangs; given again, it goes on from the store."""
TIMEZONE = "UTC"


@dataclass(frozen=True)
class DeployedFlow:
    """A flow that every recipe's deployment has."""

    entrypoint: str
    """Its module path: it is found in the installed package, whatever the working directory is."""
    does: str
    """What it does, in a sentence that the form shows."""
    cron: str | None = None
    """Its usual schedule, in UTC; None where it is run on demand alone."""


FLOWS: Mapping[str, DeployedFlow] = {
    "optimize": DeployedFlow(
        "flows.optimize.optimize",
        "The main job: data → train or load → tune → compress → evaluate → select → register → report.",
        "0 3 * * *",
    ),
    "monitor": DeployedFlow(
        "flows.loop.monitoring.monitor",
        "Looks at new data, or at every table in a folder; what was counted before counts once.",
        "0 * * * *",
    ),
    "retrain": DeployedFlow(
        "flows.loop.retraining.retrain",
        "The champion's own steps on new data, and the gate; what `monitor` finds to be harm starts it.",
        "30 4 1 * *",
    ),
    "promote": DeployedFlow(
        "flows.loop.releases.release_flows.promote",
        "A version becomes champion by hand; the test scorecards of both are shown.",
    ),
    "rollback": DeployedFlow(
        "flows.loop.releases.release_flows.rollback",
        "The previous champion is champion again.",
    ),
    "study": DeployedFlow(
        "flows.study.studying.study",
        "Which techniques pay on the recipe's data: tables with intervals, and a recommended recipe.",
    ),
}
"""Name of a flow → what is deployed of it for each recipe."""

TITLES: Mapping[str, str] = {
    "recipe": "Recipe (the name of a product)",
    "overrides": "Changes of the recipe (KEY=VALUE each)",
    "data": "Data (a file or folder, from the recipe's working directory)",
    "labels": "Labels that came later (a table)",
    "version": "Version (its number; empty: the challenger)",
    "force": "Promote what never passed a gate",
    "reason": "Reason (the registry remembers it)",
}
"""Parameter of a flow → its title in the form."""


def run_form(schema: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The schema of the form that a person fills in to run a deployment.

    Args:
        schema: of the flow's parameters, as Prefect makes it of the function.
        names: deployed names; `recipe` becomes a choice among them.
    """
    fields = {name: {**field, "title": TITLES[name]} for name, field in schema["properties"].items()}
    fields["recipe"] |= {"enum": sorted(names)}
    return {**schema, "properties": fields}
