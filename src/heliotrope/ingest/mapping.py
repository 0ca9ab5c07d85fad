"""How a source's own tables and columns become ours: what ``[[source]]`` in study.toml may say."""

from __future__ import annotations

import difflib
from typing import Any, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Frozen
from heliotrope.ingest.columns import TABLE_COLUMNS, column_names

TableName = Literal[
    "patient", "assessment", "infusion", "medication", "event", "indication", "adjudication"
]

DateFormat = Literal["YMD", "DMY", "MDY", "excel"]


class Format(Frozen):
    """How the cells of a file are written; what is not declared must be provable from the file."""

    encoding: str | None = None
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    decimal: Literal[".", ","] | None = None
    date_format: DateFormat | None = None
    missing: tuple[str, ...] = Field(default=(), description="further words for 'not recorded'")


class RowFilter(Frozen):
    """Which rows of a file belong to the table: all conditions given must hold."""

    column: str
    is_in: tuple[str, ...] | None = Field(default=None, alias="in")
    not_in: tuple[str, ...] | None = None
    filled: bool | None = Field(default=None, description="true: only rows with something there")


class MeasureColumn(Frozen):
    """One column that holds one measure: one row of the file becomes one row a measure."""

    column: str
    measure: str
    unit: str | None = None
    date: str | None = Field(default=None, description="this measure's own date column")
    lower_limit: float | None = None
    upper_limit: float | None = None
    lower_limit_column: str | None = None
    upper_limit_column: str | None = None
    codes: dict[str, str] = Field(default={})


# Where a table of a catalogue lands, within the study's folder.
LANDING = "landing"


class SourceMapping(Format):
    """One file (or sheet) read into one canonical table; a file may be named several times.

    ``catalogue``: a table of Spark's catalogue instead, whose rows land in ``file`` first.
    """

    form: Literal["table"] = "table"
    file: str
    catalogue: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}$",
        description="a table of Spark's catalogue, such as lake.clinic.visits",
    )
    sheet: str | None = None
    table: TableName
    header_row: int = Field(default=1, ge=1)
    columns: dict[str, str] = Field(default={}, description="our column = their column")
    constants: dict[str, str] = Field(default={}, description="our column = one value for all")
    codes: dict[str, dict[str, str]] = Field(default={}, description="our column: code = meaning")
    dates: dict[str, DateFormat] = Field(default={}, description="our column = its date format")
    rows: tuple[RowFilter, ...] = ()
    measures: tuple[MeasureColumn, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _lands_in_a_file(cls, entry: Any) -> Any:
        if not (isinstance(entry, dict) and entry.get("catalogue")):
            return entry
        file = str(entry.get("file") or f"{LANDING}/{entry['catalogue']}.parquet")
        if not file.endswith(".parquet"):
            raise ValueError("a table of a catalogue lands in a Parquet file: file = '....parquet'")
        return {**entry, "file": file}

    @model_validator(mode="after")
    def _names_columns_of_the_table(self) -> SourceMapping:
        known = column_names(self.table)
        for part in ("columns", "constants", "codes", "dates"):
            for name in getattr(self, part):
                if name not in known:
                    raise ValueError(
                        f"[source.{part}] '{name}' is no column of the table {self.table}; "
                        f"{say_nearest(name, known)}"
                    )
        dated = {spec.name for spec in TABLE_COLUMNS[self.table] if spec.reads == "date"}
        for name in self.dates:
            if name not in dated:
                raise ValueError(f"[source.dates] '{name}' is no date column")
        if self.measures and self.table != "assessment":
            raise ValueError("[[source.measures]] belongs to the table assessment")
        both = sorted(set(self.columns) & set(self.constants))
        if both:
            raise ValueError(f"'{both[0]}' is given both as a column and as a constant")
        return self

    @property
    def is_canonical(self) -> bool:
        """Say whether the file is read by our own column names, without any mapping."""
        return not (self.columns or self.measures)


def say_nearest(name: str, known: list[str]) -> str:
    """Say which known name is meant, or list them all.

    >>> say_nearest("dosis", ["dose", "date"])
    "did you mean 'dose'?"
    """
    close = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known names: {', '.join(known)}"
