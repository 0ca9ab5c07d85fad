"""The columns of a study's files, what stands in each, and what each is read as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.errors import UserError
from heliotrope.ingest.columns import column_names
from heliotrope.ingest.context import ReadContext, make_context
from heliotrope.ingest.mapping import SourceMapping
from heliotrope.ingest.proposal.profile import ColumnProfile, profile_table
from heliotrope.ingest.proposal.say import say_looks
from heliotrope.ingest.raw import FileContent, RawTable
from heliotrope.ingest.tabular.sources import TEXT_SUFFIXES, hash_bytes, read_raw_tables
from heliotrope.ingest.tabular.workbook import SUFFIXES, open_workbook
from heliotrope.study import StudyFile
from heliotrope.workbench.toml_edit import set_column, set_measure

MOST_FILES = 200
COLUMN, MEASURE, NOT_READ = "column:", "measure:", ""


@dataclass(frozen=True)
class ColumnLine:
    """One of their columns: how its cells look, and what it is read as.

    read_as: ``column:dose``, ``measure:cmas`` or "". is_own_name: it bears our own name, and is
    read by it as long as nothing else is said.
    """

    number: int
    header: str
    looks: str
    read_as: str
    is_own_name: bool
    profile: ColumnProfile

    @property
    def ours(self) -> str | None:
        """Which of our columns it is read as; None for a measure, and for what is not read."""
        return self.read_as.removeprefix(COLUMN) if self.read_as.startswith(COLUMN) else None

    @property
    def measure(self) -> str | None:
        """Which measure it is read as."""
        return self.read_as.removeprefix(MEASURE) if self.read_as.startswith(MEASURE) else None


@dataclass(frozen=True)
class SourceColumns:
    """One ``[[source]]``: its number from 0, its table, its columns; or why it cannot be read."""

    number: int
    source: SourceMapping
    columns: Sequence[ColumnLine]
    ours: Sequence[str]
    fault: str | None = None
    raw: RawTable | None = None


def list_source_columns(
    file: StudyFile, folder: Path, rulebook: Rulebook, only: int | None = None
) -> list[SourceColumns]:
    """List the columns of every source that is a table; ``only``: of the source of this number."""
    context = make_context(rulebook)
    (words,) = rulebook.of_kind(MappingWords)
    listed = []
    for number, source in enumerate(file.source):
        if not isinstance(source, SourceMapping) or only not in (None, number):
            continue
        ours = column_names(source.table)
        try:
            (raw,) = read_raw_tables(folder, [source], file.format).values()
        except UserError as error:
            listed.append(SourceColumns(number, source, (), ours, str(error.found)))
            continue
        readings = find_readings(source, raw, context)
        profile = profile_table(raw, {}, context, words)
        columns = [
            ColumnLine(
                place,
                column.header,
                say_looks(column, words.doubt),
                readings[place],
                is_own_name=column.header in ours and column.header not in source.columns,
                profile=column,
            )
            for place, column in enumerate(profile.columns)
        ]
        listed.append(SourceColumns(number, source, columns, ours, raw=raw))
    return listed


def list_table_files(folder: Path) -> list[tuple[str, str | None]]:
    """List the text files and the sheets of the workbooks of a folder: what can be a table."""
    listed: list[tuple[str, str | None]] = []
    for path in sorted(folder.iterdir()):
        suffix = path.suffix.casefold()
        if path.name[0] in ".~" or path.is_symlink() or not path.is_file():
            continue
        if suffix in TEXT_SUFFIXES:
            listed.append((path.name, None))
        elif suffix in SUFFIXES:
            content = path.read_bytes()
            try:
                sheets = open_workbook(FileContent(path.name, hash_bytes(content), content)).sheets
            except UserError:
                continue
            listed += [(path.name, sheet) for sheet in sheets]
    return listed[:MOST_FILES]


def find_readings(source: SourceMapping, raw: RawTable, context: ReadContext) -> list[str]:
    """Say what each column of a file is read as."""
    by_column = {theirs: ours for ours, theirs in source.columns.items()}
    measured = {item.column: item.measure for item in source.measures}
    ours = set(column_names(source.table))
    is_wide = (
        source.table == "assessment"
        and not source.measures
        and "measure" not in {*source.columns, *source.constants, *raw.header}
    )
    readings = []
    for header in raw.header:
        measure = context.measure_lookup.find(header) if is_wide else None
        if header in by_column:
            readings.append(COLUMN + by_column[header])
        elif header in measured:
            readings.append(MEASURE + measured[header])
        elif header in ours and header not in source.columns:
            readings.append(COLUMN + header)
        else:
            readings.append(NOT_READ if measure is None else MEASURE + measure)
    return readings


def name_measures(text: str, table: SourceColumns) -> str:
    """Name every measure that is read by its header, so that something can be said of it."""
    named = {item.column for item in table.source.measures}
    for line in table.columns:
        if line.measure is not None and line.header not in named:
            text = set_measure(text, table.number, line.header, line.measure)
    return text


def change_readings(text: str, table: SourceColumns, wanted: Mapping[int, str]) -> str:
    """Change what columns are read as; the rest of the text stays.

    Once a measure is named for one column, headers are no longer read by their names; so those
    that were are named, too. Errors: a text written in an unusual way: UserError.
    """
    source, number = table.source, table.number
    after = {line.number: wanted.get(line.number, line.read_as) for line in table.columns}
    is_changed = any(
        (line.read_as != after[line.number])
        and MEASURE in (line.read_as[: len(MEASURE)], after[line.number][: len(MEASURE)])
        for line in table.columns
    )
    named = {item.column for item in source.measures}
    for line in table.columns:
        reading = after[line.number]
        if line.read_as != reading and line.header in source.columns.values():
            ours = line.read_as.removeprefix(COLUMN)
            text = set_column(text, number, ours, None)
        measure = reading.removeprefix(MEASURE) if reading.startswith(MEASURE) else None
        is_named_anew = measure is not None and is_changed and line.header not in named
        if (line.header in named and line.read_as != reading) or is_named_anew:
            text = set_measure(text, number, line.header, measure)
    for line in table.columns:
        reading = after[line.number]
        if line.read_as != reading and reading.startswith(COLUMN):
            ours = reading.removeprefix(COLUMN)
            if ours != line.header or ours in source.columns:
                text = set_column(text, number, ours, line.header)
    return text
