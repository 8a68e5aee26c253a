"""Monitor spec: defaults, and what a look acts upon."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.monitoring.monitor_spec import SHADOW, MonitorSpec


def test_harm_alone_acts_by_default() -> None:
    spec = MonitorSpec()
    assert (spec.tolerance, spec.alpha, spec.act_on) == (None, 0.05, "harm")
    assert not spec.acts_on("inputs")
    assert MonitorSpec(act_on="inputs").acts_on("inputs")
    assert not MonitorSpec(act_on="inputs").acts_on("predictions")
    assert MonitorSpec(act_on="all").acts_on("predictions")


@pytest.mark.parametrize("wrong", [{"alpha": 0}, {"alpha": 0.5}, {"tolerance": -1}, {"act_on": "drift"}, {"alfa": 0.1}])
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MonitorSpec.model_validate(wrong)


@pytest.mark.parametrize(
    ("given", "kept"), [("2 weeks", "2 weeks"), (500, 500), ("off", 0), (False, 0), (True, SHADOW)]
)
def test_the_shadow_is_a_window_or_off(given: object, kept: object) -> None:
    assert MonitorSpec.model_validate({"shadow": given}).shadow == kept
    assert MonitorSpec().shadow == SHADOW
