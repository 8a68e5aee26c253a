"""Date forms: how dates are written is found in the column, never guessed, and read as seconds in UTC."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.core import InputError
from tasks.data.tables import date_forms

PLACE = date_forms.Place("day", "a.csv", "data.source")


def texts(*words: str) -> np.ndarray:
    return np.array(words, dtype=object)


@pytest.mark.parametrize(
    ("text", "form", "read"),
    [
        ("2023-05-17", "%Y-%m-%d", "2023-05-17"),
        ("2023-05-17 22:35:00", "%Y-%m-%d", "2023-05-17 22:35:00"),
        ("2023-05-17T22:35:00.5Z", "%Y-%m-%d", "2023-05-17 22:35:00"),
        ("2023-05-17 22:35:00+02", "%Y-%m-%d", "2023-05-17 20:35:00"),
        ("2023-05-17 9:05 pm", "%Y-%m-%d", "2023-05-17 21:05:00"),
        ("2023/5/7", "%Y/%m/%d", "2023-05-07"),
        ("2023-05", "%Y-%m", "2023-05-01"),
        ("17.05.2023 12:30", "%d.%m.%Y", "2023-05-17 12:30:00"),
        ("05/17/2023", "%m/%d/%Y", "2023-05-17"),
        ("5/17/23 12:05 AM", "%m/%d/%y", "2023-05-17 00:05:00"),
        ("17.05.23", "%d.%m.%y", "2023-05-17"),
        ("17-May-2023", "%d-%b-%Y", "2023-05-17"),
        ("17 Mai 2023", "%d %b %Y", "2023-05-17"),
        ("3. März 2023", "%d. %b %Y", "2023-03-03"),
        ("Sept. 17, 2023", "%b %d, %Y", "2023-09-17"),
        ("17/05/1823 00:00 -00:30", "%d/%m/%Y", "1823-05-17 00:30:00"),
    ],
)
def test_usual_forms_are_recognized_and_read(text: str, form: str, read: str) -> None:
    assert date_forms.are_dates(texts(text))
    assert date_forms.form_of(texts(text), PLACE) == form
    assert date_forms.date_text(date_forms.seconds_in(texts(text), form)[0]) == read


@pytest.mark.parametrize(
    "text",
    ["2023", "1.2.3", "1.2.13", "12.5", "1/2", "31-01", "May", "b 2023-05-17", "192.168.10.1", "1001-11", "22:35"],
)
def test_other_text_is_no_date(text: str) -> None:
    assert not date_forms.are_dates(texts(text))


def test_a_column_is_one_of_dates_if_most_of_its_texts_are() -> None:
    assert date_forms.are_dates(texts("31.02.2021", "01.03.2021", "never", "02.03.2021", "03.03.2021"))
    assert not date_forms.are_dates(texts("01.03.2021", "never"))
    assert date_forms.are_times(texts("9:30", "10:00", "noon"))


def test_one_row_decides_what_is_day_and_what_is_month() -> None:
    assert date_forms.form_of(texts("3/4/2021", "1/31/2021"), PLACE) == "%m/%d/%Y"
    assert date_forms.form_of(texts("3/4/2021", "31/1/2021"), PLACE) == "%d/%m/%Y"
    assert date_forms.form_of(texts("3/3/2021", "4/4/2021"), PLACE) == "%m/%d/%Y"


def test_dates_of_two_meanings_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        date_forms.form_of(texts("3/3/21", "3/4/21"), PLACE)
    assert str(caught.value) == (
        "data.source: column 'day' of a.csv has two meanings: 3/4/21 may be 2021-03-04 or 2021-04-03; nearest valid "
        'choice: data.dates: {day: "%m/%d/%y"}, or data.dates: {day: "%d/%m/%y"}'
    )


@pytest.mark.parametrize(
    ("value", "form", "seconds"),
    [("86400", "seconds", 86400.0), ("1500", "milliseconds", 1.5), ("19700102", "%Y%m%d", 86400.0)],
)
def test_numbers_are_dates_where_the_recipe_says_it(value: str, form: str, seconds: float) -> None:
    assert date_forms.seconds_in(texts(value), form).tolist() == [seconds]


def test_missing_dates_are_missing_and_others_are_named_with_their_row() -> None:
    series = pd.Series(["2021-03-04", "", "0000-00-00"], dtype="str")
    found = date_forms.read_dates(series, "%Y-%m-%d", PLACE)
    assert found.isna().tolist() == [False, True, True]
    with pytest.raises(InputError, match="but row 1, counted from 0, does not, but got 'never'"):
        date_forms.read_dates(pd.Series(["2021-03-04", "never"], dtype="str"), "%Y-%m-%d", PLACE)


def test_datetimes_of_any_zone_are_seconds_in_utc_and_come_back() -> None:
    zoned = pd.Series(pd.to_datetime(["2021-03-04T01:00:00+01:00", None], utc=True)).dt.tz_convert("Europe/Berlin")
    seconds = date_forms.seconds_of(zoned)
    assert date_forms.date_text(seconds[0]) == "2021-03-04"
    assert np.isnan(seconds[1])
    assert date_forms.seconds_of(date_forms.as_datetimes(seconds)).equals(seconds)


@pytest.mark.parametrize("form", ["dmy", "%d/%m", "%Q %Y", ""])
def test_a_form_that_cannot_be_is_refused(form: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        date_forms.check_form(form)
