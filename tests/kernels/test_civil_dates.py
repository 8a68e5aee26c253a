"""Civil dates: the parts of a date by arithmetic, as Python's calendar has them."""

from __future__ import annotations

import datetime

import numpy as np

from tasks.kernels.statistics import civil_dates


def test_every_day_of_four_centuries_is_what_the_calendar_says() -> None:
    first, last = datetime.date(1800, 1, 1).toordinal(), datetime.date(2200, 12, 31).toordinal()
    days = [datetime.date.fromordinal(each) for each in range(first, last + 1)]
    epoch = datetime.date(1970, 1, 1).toordinal()
    seconds = np.array([(each.toordinal() - epoch) * 86400.0 + 86399.999999 for each in days])
    found = civil_dates.date_parts(seconds, 0.0, civil_dates.PARTS, np.floor)
    assert found["year"].tolist() == [each.year for each in days]
    assert found["month"].tolist() == [each.month for each in days]
    assert found["day"].tolist() == [each.day for each in days]
    assert found["weekday"].tolist() == [each.weekday() for each in days]
    assert set(found["hour"].tolist()) == {23.0}


def test_a_missing_date_has_missing_parts_and_only_the_wanted_are_computed() -> None:
    found = civil_dates.date_parts(np.array([np.nan, 90061.0]), 86400.0, ("hour", "elapsed"), np.floor)
    assert list(found) == ["hour", "elapsed"]
    assert np.isnan(found["hour"][0])
    assert found["hour"][1] == 1.0
    assert found["elapsed"][1] == 3661 / 86400
    assert list(civil_dates.date_parts(np.array([0.0]), 0.0, ("elapsed",), np.floor)) == ["elapsed"]
