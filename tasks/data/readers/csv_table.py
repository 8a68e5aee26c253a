"""CSV tables: their encoding, separator and header are found in the file, or said by the recipe; cells stay text."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from tasks.core import InputError
from tasks.data.readers import data_frames
from tasks.data.readers.examples import Request, Rows

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".zip", ".data", ".test")
"""Older archives call the two parts of a table `.data` and `.test`, mostly without a header line."""
SEPARATORS = ",;\t|"
HEAD = 1 << 18
"""Bytes at the beginning in which separator and header are found."""
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_SAID = re.compile(r'"?sep=(.)"?\s*')
"""The first line with which Excel is told the separator."""
_BROKEN = (ValueError, csv.Error, OSError, EOFError, zlib.error, zipfile.BadZipFile)  # pandas' errors are ValueErrors


@dataclass(frozen=True)
class CsvLayout:
    """How a file is written: `skipped` lines stand before the first record, whose fields are `first`."""

    encoding: str
    separator: str
    skipped: int
    first: list[str]


def read_csv(request: Request) -> Rows:
    """The rows of a CSV file. Raises InputError when it cannot be parsed."""
    return data_frames.frame_rows(frame_of(request), request, is_text=True)


def frame_of(request: Request) -> pd.DataFrame:
    """All cells as text, without blanks around them; a column without a name is called `Unnamed: ` and its number.

    Raises InputError when the file cannot be parsed.
    """
    from pandas.errors import ParserWarning

    try:
        layout = _layout(request)
        names = list(request.names) or _header(layout.first)
        data_frames.refuse_duplicates(names, request)
        if len(names) != len(layout.first):
            raise InputError(
                f"must name each of the {len(layout.first)} columns of {request.source}",
                path="data.names",
                value=f"{len(names)} names",
            )
        return _parsed(layout, names, request)
    except UnicodeError as error:
        raise _not_decoded(error, request) from error
    except ParserWarning as warning:
        raise InputError(
            f"{request.source} must be a CSV table: its rows have more fields than its {len(layout.first)} columns",
            path=request.field,
        ) from warning
    except _BROKEN as error:
        raise InputError(f"{request.source} must be a CSV table: {str(error).strip()}", path=request.field) from error


def first_record(request: Request) -> list[str]:
    """The fields of the first record, which may be the names of the columns. Raises InputError as `frame_of` does."""
    try:
        return _layout(request).first
    except UnicodeError as error:
        raise _not_decoded(error, request) from error
    except _BROKEN as error:
        raise InputError(f"{request.source} must be a CSV table: {str(error).strip()}", path=request.field) from error


def _parsed(layout: CsvLayout, names: list[str], request: Request) -> pd.DataFrame:
    import pandas as pd

    with warnings.catch_warnings(), _opened(request) as stream:
        warnings.simplefilter("error", pd.errors.ParserWarning)  # else the first column would become the index
        frame = pd.read_csv(
            stream,
            sep=r"\s+" if layout.separator == " " else layout.separator,
            header=None if request.names else 0,
            names=names,
            index_col=False,
            dtype="str",
            keep_default_na=False,
            skipinitialspace=True,
            skiprows=layout.skipped,
            low_memory=False,
            encoding=layout.encoding,
        )
    return pd.DataFrame({name: frame[name].fillna("").str.strip() for name in names}, index=frame.index)


def _header(fields: list[str]) -> list[str]:
    return [data_frames.plain_name(name) or f"Unnamed: {place}" for place, name in enumerate(fields)]


@contextmanager
def _opened(request: Request) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked. Raises InputError for an archive with none or several tables."""
    name = request.path.name.lower()
    if name.endswith(".zip"):
        with zipfile.ZipFile(request.path) as archive:
            inside = [each for each in archive.namelist() if not each.endswith("/") and "__MACOSX" not in each]
            if len(inside) != 1 or not inside[0].lower().endswith((".csv", ".tsv", ".data", ".txt")):
                law = f"{request.source} must hold one .csv and nothing else"
                raise InputError(law, path=request.field, value=", ".join(inside[:5]))
            with archive.open(inside[0]) as stream:
                yield stream
        return
    with gzip.open(request.path) if name.endswith(".gz") else request.path.open("rb") as stream:
        yield stream  # type: ignore[misc]


def _layout(request: Request) -> CsvLayout:
    with _opened(request) as stream:
        head = stream.read(HEAD)
    encoding = request.encoding or _encoding(head)
    text = codecs.getincrementaldecoder(encoding)().decode(head)  # tolerates a character that is cut at the end
    lines = io.StringIO(text, newline=None).readlines()
    lines = lines[:-1] if len(head) == HEAD and len(lines) > 1 else lines
    skipped = next((place for place, line in enumerate(lines) if line.strip()), 0)
    said = _SAID.fullmatch(lines[skipped]) if lines else None
    skipped += said is not None
    separator = request.separator or (said[1] if said else _separator(lines[skipped:]))
    while _is_remark(lines[skipped:], separator):
        skipped += 1
    return CsvLayout(encoding, separator, skipped, next(_records(lines[skipped:], separator), []))


def _encoding(head: bytes) -> str:
    """UTF-8, or UTF-16 by its byte order mark or by the zeros in every other byte."""
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if marked is None and 0 in head[:2]:
        return "utf-16-be" if head[0] == 0 else "utf-16-le"
    return marked or "utf-8-sig"


def _separator(lines: list[str]) -> str:
    """The separator with which most records have as many fields as the first; the first record has at least two."""
    lines = [line for line in lines if not line.startswith("#")] or lines
    scores = {}
    for separator in SEPARATORS:
        counts = [len(record) for record in _records(lines, separator)]
        if counts and counts[0] > 1:
            scores[separator] = (counts.count(counts[0]), counts[0])
    return max(scores, key=lambda each: scores[each]) if scores else ","


def _records(lines: list[str], separator: str) -> Iterator[list[str]]:
    """The records that are not blank; a cell in quotes may hold separators and ends of lines."""
    if separator == " ":
        return (line.split() for line in lines if line.strip())
    options: dict[str, Any] = {"delimiter": separator, "skipinitialspace": True}
    return (record for record in csv.reader(lines, **options) if any(field.strip() for field in record))


def _is_remark(lines: list[str], separator: str) -> bool:
    """Whether the first line is a remark before the table: it begins with # and has other fields than the next."""
    if len(lines) < 2 or not lines[0].startswith("#"):
        return False
    first, after = (next(_records(lines[place:], separator), []) for place in (0, 1))
    return len(first) != len(after)


def _not_decoded(error: UnicodeError, request: Request) -> InputError:
    """The one message for a file in another encoding: it says what to write."""
    said = request.encoding
    law = f"{request.source} is not text in {said or 'UTF-8'} ({error.reason if hasattr(error, 'reason') else error})"
    if request.field == "INPUT":
        return InputError(f"{law}; save it as UTF-8", path=request.field)
    nearest = "utf-8" if said else "cp1252 (Windows, western Europe), or latin-1, cp1251, gbk, shift_jis"
    return InputError(law, path="data.encoding", value=said, nearest=nearest)
