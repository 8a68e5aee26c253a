"""CSV tables, separated by comma, semicolon or tab, with a header line or with the names in `data.names`."""

from __future__ import annotations

import csv
import gzip
import warnings
import zlib
from typing import TYPE_CHECKING

from tasks.core import InputError
from tasks.data.readers import data_frames
from tasks.data.readers.examples import Request, Rows

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".csv.gz", ".data", ".test")
"""Older archives call the two parts of a table `.data` and `.test`, mostly without a header line."""


def read_csv(request: Request) -> Rows:
    """The rows of a CSV file in UTF-8. Raises InputError when it cannot be parsed."""
    return data_frames.frame_rows(frame_of(request), request)


def frame_of(request: Request) -> pd.DataFrame:
    """The raw data frame: a column is numeric if all its values are numbers, else text; `?` and "" are missing.

    Raises InputError when the file cannot be parsed.
    """
    from pandas.errors import ParserWarning

    try:
        separator, first = _first_line(request)
        names = list(request.names) or [name.strip() for name in first]
        data_frames.refuse_duplicates(names, request)
        if len(names) != len(first):
            raise InputError(
                f"must name each of the {len(first)} columns of {request.source}",
                path="data.names",
                value=f"{len(names)} names",
            )
        return _parsed(separator, names, request)
    except ParserWarning as warning:
        raise InputError(
            f"{request.source} must be a CSV table: its rows have more fields than its {len(first)} columns",
            path=request.field,
        ) from warning
    except (ValueError, csv.Error, OSError, EOFError, zlib.error) as error:  # pandas' errors are ValueErrors
        raise InputError(f"{request.source} must be a CSV table: {str(error).strip()}", path=request.field) from error


def _parsed(separator: str, names: list[str], request: Request) -> pd.DataFrame:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # else the first column would become the index
        return pd.read_csv(
            request.path,
            sep=separator,
            header=None if request.names else 0,
            names=names,
            index_col=False,
            na_values=[data_frames.MISSING],
            skipinitialspace=True,
            low_memory=False,
            encoding="utf-8-sig",
        )


def _first_line(request: Request) -> tuple[str, list[str]]:
    """The separator, and the fields of the first line that is not blank."""
    with gzip.open(request.path) if request.source.endswith(".gz") else request.path.open("rb") as stream:
        line = next((line for line in stream if line.strip()), b"").decode("utf-8-sig")
    separator = max(",;\t", key=line.count)
    return separator, next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
