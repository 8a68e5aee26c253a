"""Going back: the previous champion is champion again."""

from __future__ import annotations

from flows.loop.releases.promoting import Release
from flows.loop.releases.version_evidence import check_registered_file
from flows.loop.webhook import tell_people
from tasks.monitoring.monitor_spec import MonitorSpec
from tasks.tracking.versions import CHAMPION, PREVIOUS, holder_of, roll_back, versions_of

BY_HAND = "rolled back by hand"


def go_back(uri: str, name: str, reason: str, spec: MonitorSpec | None = None) -> Release:
    """Makes the previous champion champion again, and tells the recipe's people.

    Args:
        uri: URI of the tracking server and registry.
        name: name of the registered model.
        reason: why, in words; the registry remembers it.
        spec: says who is told; None: nobody. That one cannot be told is the release's note.

    Raises:
        InputError: there is no such model, or no previous champion, or its file was altered.
    """
    records = versions_of(uri, name)
    champion, previous = holder_of(records, CHAMPION), holder_of(records, PREVIOUS)
    if previous is not None:
        check_registered_file(uri, previous)
    back = roll_back(uri, name, reason)
    text = f"{name}: version {back.version} is champion again: {reason}"
    content = {"text": text, "name": name, "version": back.version, "level": "rollback"}
    return Release(back, champion, tell_people(spec, content) if spec else "")
