"""Lay out one entry of a proposed study: a file read into one of our tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import polars as pl

from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.context import ReadContext, normalise_word
from heliotrope.ingest.proposal.names import Names
from heliotrope.ingest.proposal.our_columns import Choice, Chooser
from heliotrope.ingest.proposal.parts import Entry, ProposedSource
from heliotrope.ingest.proposal.profile import TableProfile
from heliotrope.ingest.proposal.toml import quote
from heliotrope.ingest.tabular.layout import NEEDED


@dataclass(frozen=True)
class Room:
    """One table to be proposed for: its columns, what is known, who each row is about."""

    table: TableProfile
    file: str
    chooser: Chooser
    names: Names

    @property
    def context(self) -> ReadContext:
        """Return the words known."""
        return self.chooser.context

    @property
    def words(self) -> MappingWords:
        """Return the names and thresholds."""
        return self.chooser.words

    def is_named(self, listed: Sequence[str]) -> bool:
        """Say whether the file, sheet or a column bears one of some words."""
        raw = self.table.raw
        names = [PurePath(self.file).stem, raw.sheet or "", *raw.header]
        plain = [f" {normalise_word(name)} " for name in names]
        return any(f" {word} " in name for word in listed for name in plain)

    def stem_says(self, table: str) -> bool:
        """Say whether the file or sheet is called like a table of ours."""
        stem = self.table.raw.sheet or PurePath(self.file).stem
        return normalise_word(stem) == table


def lay_out(
    room: Room, table: str, chosen: Mapping[str, Choice], given: set[str] | None = None
) -> ProposedSource:
    """Lay out an entry; where a needed column is missing or in doubt, all of it is in doubt."""
    choices = {spec.name: chosen[spec.name] for spec in TABLE_COLUMNS[table] if spec.name in chosen}
    doubts, missing = [], []
    for group in NEEDED[table]:
        if set(group) & (given or set()) or (
            table == "assessment" and set(group) & {"measure", "value"} and "measure" not in chosen
        ):
            continue
        named = [choices[name] for name in group if name in choices]
        if not named:
            missing.append(group[0])
        elif not any(choice.is_certain for choice in named):
            doubts += [f"{choice.line.key}: {choice.line.doubt}" for choice in named]
    constants = tuple(
        Entry(name, "", doubt="no column holds it; write one value for all rows, or name a column")
        for name in missing
    )
    doubts += [f"no column for {name}, which the table needs" for name in missing]
    return ProposedSource(
        file=room.file,
        sheet=room.table.raw.sheet,
        table=table,
        header_lines=_header_lines(room),
        columns=tuple(choice.line for choice in choices.values()),
        constants=constants,
        dates=tuple(choice.date_format for choice in choices.values() if choice.date_format),
        codes=tuple(choice.codes for choice in choices.values() if choice.codes),
        doubt="; ".join(doubts) or None,
    )


def _header_lines(room: Room) -> tuple[Entry, ...]:
    raw = room.table.raw
    lines = [Entry("encoding", said.rpartition(" ")[2], said)
             for rule, said in raw.notes if rule == "encoding_assumed"]  # fmt: skip
    return tuple(lines)


def keep_dated(room: Room, source: ProposedSource) -> ProposedSource:
    """In a file of several tables, keep to one's own rows: those with a day in its date column.

    Only where no row without a day holds a value of this table; else such rows are left to be
    found as errors.
    """
    days = [
        line for line in source.columns if line.key in ("date", "start_date") and not line.doubt
    ]
    has_filter = any(line.key == "rows" for line in source.header_lines)
    if source.table == "patient" or len(days) != 1 or has_filter:
        return source
    by_header = {column.header: column for column in room.table.columns}
    day = by_header[days[0].value]
    values = [
        line.value for line in source.columns if line.key in ("dose", "drug", "term", "value")
    ]
    values += [
        line.value for item in source.measures for line in item.lines if line.key == "column"
    ]
    cells = room.table.raw.cells
    is_filled = pl.any_horizontal(
        _is_filled(by_header[name].number) for name in values or [day.header]
    )
    undated = cells.filter(~_is_filled(day.number))
    if undated.is_empty() or undated.select(is_filled.any()).item():
        return source
    rows = Entry("rows", f"[{{ column = {quote(day.header)}, filled = true }}]",
                 f"the other {undated.height:,} rows hold nothing of this table")  # fmt: skip
    return replace(source, header_lines=(*source.header_lines, rows))


def _is_filled(number: int) -> pl.Expr:
    return pl.col(str(number)).str.strip_chars().fill_null("") != ""
