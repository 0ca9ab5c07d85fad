"""Where a small table of visits comes from: a file, pasted text, or values named one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.ingest.mapping import Format, SourceMapping
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.tabular.delimited import TextFile, read_delimited
from heliotrope.ingest.tabular.sources import hash_bytes, read_raw_tables

PASTED = "the pasted table"
NAMED = "the values given"

TIME_COLUMN = "timepoint"
BASELINE = "baseline"

PAIR = re.compile(r"([^\s=;]+)\s*=\s*([^\s=;]*)(?:[\s;]+|$)")

NamedValues = Mapping[str, float | int | str | None]


def read_table_file(path: Path) -> RawTable:
    """Read a text file, or the first sheet of a workbook.

    Errors: no file, a row with more or fewer cells than the header: UserError.
    """
    mapping = SourceMapping(file=path.name, table="assessment")
    (raw,) = read_raw_tables(path.parent, [mapping], Format()).values()
    return _check_rows(raw)


def read_table_text(text: str) -> RawTable:
    """Read a pasted table: comma, semicolon, tab or bar between the cells.

    Errors: nothing pasted, a row with more or fewer cells than the header: UserError.
    """
    if not text.strip():
        raise UserError(
            "a table of visits: a header and rows",
            Found("nothing", PASTED),
            "paste the table, e.g. `heliotrope score - < visits.csv`",
        )
    content = text.strip("\n").encode()
    source = TextFile(PASTED, hash_bytes(content), content)
    return _check_rows(read_delimited(source, Format()))


def _check_rows(raw: RawTable) -> RawTable:
    if raw.refused.height:
        first = raw.refused.row(0, named=True)
        raise UserError(
            "rows with as many cells as the header",
            Found(str(first["found"]), raw.file, row=int(first["record"]) + raw.first_row),
            "complete that row, or export the file again",
        )
    return raw


def make_table(baseline: NamedValues, follow_ups: Sequence[NamedValues]) -> RawTable:
    """Make a table of values that were named one by one; the first row is the baseline.

    A name is what a column of a table would be called (``physician_global``, ``ck_uln``,
    ``mmt8_0_150``). A value left out or None was not recorded.
    Errors: no values, a name spelt in two ways: UserError, when the table is read.
    """
    if not baseline or not follow_ups:
        raise UserError(
            "values at baseline and at one visit after it at least",
            Found("no baseline" if not baseline else "no later visit", NAMED),
            "name the values of both, e.g. physician_global=6 mmt8=56",
            ExitCode.USAGE,
        )
    visits = [baseline, *follow_ups]
    names = list(dict.fromkeys(name for visit in visits for name in visit))
    later = (
        ["visit"] if len(follow_ups) == 1 else [f"visit {n + 1}" for n in range(len(follow_ups))]
    )
    columns = {TIME_COLUMN: [BASELINE, *later]} if TIME_COLUMN not in names else {}
    columns |= {
        name: [None if visit.get(name) is None else str(visit[name]) for visit in visits]  # type: ignore[misc]
        for name in names
    }
    cells = pl.DataFrame(
        {str(number): column for number, column in enumerate(columns.values())},
        schema={str(number): pl.String for number in range(len(columns))},
    )
    return RawTable(
        file=NAMED,
        sheet=None,
        sha256=hash_bytes(repr(columns).encode()),
        header=tuple(columns),
        cells=cells,
        first_row=1,
    )


def read_named_values(option: str, text: str) -> dict[str, str]:
    """Read ``physician_global=6 mmt8=56``: names and values, parted by blanks or semicolons.

    >>> read_named_values("--baseline", "physician_global=6 ck=1800; ck_uln=200")
    {'physician_global': '6', 'ck': '1800', 'ck_uln': '200'}

    Errors: anything else, or a name twice: UserError.
    """
    values: dict[str, str] = {}
    end = 0
    stripped = text.strip()
    for found in PAIR.finditer(stripped):
        if found.start() != end:
            break
        end = found.end()
        name, value = found.groups()
        if name in values:
            raise UserError(
                f"{option} with each name once",
                Found(f"{name} twice"),
                "remove one",
                ExitCode.USAGE,
            )
        values[name] = value
    if end != len(stripped) or not values:
        raise UserError(
            f"{option} 'NAME=VALUE NAME=VALUE'",
            Found(stripped[end:] or "nothing"),
            "write each value as physician_global=6, with a blank between them",
            ExitCode.USAGE,
        )
    return values
