"""Devices."""

from __future__ import annotations

from flows.study.study_context import Study
from tasks.study.design import Design, LeftOut

TITLE = "Devices"


def design_devices(study: Study) -> Design | LeftOut:
    """Not designed yet."""
    return LeftOut("devices", TITLE, "it is not designed yet")
