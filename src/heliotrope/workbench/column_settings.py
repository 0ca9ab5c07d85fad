"""What a person says of one column: its unit, the order of its dates, what its codes mean."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heliotrope.definitions.mapping_words import Doubt
from heliotrope.ingest.columns import ColumnSpec
from heliotrope.ingest.context import IGNORE, ReadContext
from heliotrope.ingest.mapping import MeasureColumn, SourceMapping
from heliotrope.workbench.column_reading import find_spec, list_units
from heliotrope.workbench.column_table import ColumnLine, SourceColumns, name_measures
from heliotrope.workbench.toml_edit import set_codes, set_entry, set_measure_entry

MOST_CODES = 60
LONGEST_MEANING = 200
ORDERS = ("DMY", "MDY", "YMD", "excel")
AS_IT_STANDS = "="
UNIT_COLUMN = {"dose": "dose_unit", "value": "unit"}


@dataclass(frozen=True)
class Code:
    """A text of the column and what it means: ``AS_IT_STANDS``, "" (missing), ignore, a word."""

    text: str
    count: int
    meaning: str

    @property
    def key(self) -> str:
        """Name the text in a form; a browser changes the ends of lines in the text itself."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ColumnSettings:
    """What can be said of a column, and what is said now.

    units: the units to choose from; unit: the one in force, "" where none is said. unit_column:
    their column that holds the unit of each row. orders: the orders of dates to choose from.
    codes: the texts of a column of few words. words: what they may mean; none: any text.
    """

    units: Sequence[str] = ()
    unit: str = ""
    unit_column: str | None = None
    orders: Sequence[str] = ()
    order: str = ""
    codes: Sequence[Code] = ()
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Wanted:
    """What a form says of a column; None: it did not ask."""

    unit: str | None = None
    order: str | None = None
    codes: Mapping[str, str] | None = field(default=None)


def find_settings(
    table: SourceColumns, line: ColumnLine, context: ReadContext, doubt: Doubt
) -> ColumnSettings:
    """Find what can be said of a column, and what its study.toml says now."""
    spec, source = find_spec(table, line), table.source
    if line.ours == "patient_id" or line.read_as == "":
        return ColumnSettings()
    if spec is not None and spec.reads == "date":
        return ColumnSettings(orders=ORDERS, order=source.dates.get(spec.name, ""))
    item = _find_named(source, line)
    unit = source.constants.get(UNIT_COLUMN.get(line.ours or "", ""), "")
    return ColumnSettings(
        units=list_units(table, line, context.measures),
        unit=(item.unit or "") if item is not None else unit,
        unit_column=_find_unit_column(table, line),
        codes=_list_codes(line, _read_codes(source, line), doubt),
        words=_list_words(spec, line, context),
    )


def _find_named(source: SourceMapping, line: ColumnLine) -> MeasureColumn | None:
    return next((item for item in source.measures if item.column == line.header), None)


def _find_unit_column(table: SourceColumns, line: ColumnLine) -> str | None:
    """Find their column that holds the unit beside each number."""
    ours = UNIT_COLUMN.get(line.ours or "")
    found = (other.header for other in table.columns if ours and other.ours == ours)
    return next(found, None)


def _read_codes(source: SourceMapping, line: ColumnLine) -> Mapping[str, str]:
    if line.ours is not None:
        return source.codes.get(line.ours, {})
    item = _find_named(source, line)
    return {} if item is None else item.codes


def _list_codes(line: ColumnLine, codes: Mapping[str, str], doubt: Doubt) -> list[Code]:
    """List the texts of a column of few, those with a meaning first; none of a column of many."""
    plain = {code.strip().casefold(): meaning for code, meaning in codes.items()}
    counts = line.profile.counts
    is_few = len(counts) <= min(MOST_CODES, doubt.most_codes)
    is_open = line.profile.share_of_numbers < doubt.values_certain
    texts = counts if is_few and (is_open or codes) else {}
    shown = [text for text in counts if text.strip().casefold() in plain or text in texts]
    return [
        Code(text, counts[text], plain.get(text.strip().casefold(), AS_IT_STANDS))
        for text in shown[:MOST_CODES]
    ]


def _list_words(spec: ColumnSpec | None, line: ColumnLine, context: ReadContext) -> Sequence[str]:
    """List the words that a code of the column may mean; none where it may be any text."""
    if spec is None:
        measure = context.measures.get(line.measure or "")
        return () if measure is None else measure.words
    match spec.reads:
        case "word":
            return context.words[spec.vocabulary or ""].names
        case "yes_no":
            return ("yes", "no")
        case "drug":
            return sorted(context.drugs)
        case "measure":
            return sorted(context.measures)
    return ()


def apply_settings(
    text: str, table: SourceColumns, line: ColumnLine, now: ColumnSettings, wanted: Wanted
) -> str:
    """Write what was said of a column into a study.toml; what is said already stays as it is.

    Errors: a text written in an unusual way: UserError.
    """
    unit = wanted.unit if wanted.unit is not None and wanted.unit != now.unit else None
    codes = _merge_codes(table.source, line, now, wanted.codes or {})
    if line.measure is not None and (unit is not None or codes is not None):
        text = name_measures(text, table)
        if unit is not None:
            text = set_measure_entry(text, table.number, line.header, ("unit", unit or None))
        if codes is not None:
            text = set_measure_entry(text, table.number, line.header, ("codes", codes))
        return text
    if line.ours is None:
        return text
    if unit is not None and line.ours in UNIT_COLUMN:
        place = ("constants", UNIT_COLUMN[line.ours])
        text = set_entry(text, table.number, place, unit or None)
    if wanted.order is not None and wanted.order != now.order:
        text = set_entry(text, table.number, ("dates", line.ours), wanted.order or None)
    if codes is not None:
        text = set_codes(text, table.number, line.ours, codes)
    return text


def _merge_codes(
    source: SourceMapping, line: ColumnLine, now: ColumnSettings, wanted: Mapping[str, str]
) -> dict[str, str] | None:
    """Change the meanings that a form asked for; None where it changes none."""
    asked = {
        code.text: wanted[code.text]
        for code in now.codes
        if wanted.get(code.text, code.meaning) != code.meaning
    }
    if not asked:
        return None
    plain = {text.strip().casefold() for text in asked}
    kept = {
        code: meaning
        for code, meaning in _read_codes(source, line).items()
        if code.strip().casefold() not in plain
    }
    return kept | {text: said for text, said in asked.items() if said != AS_IT_STANDS}


def is_meaning(said: str, words: Sequence[str], *, may_ignore: bool) -> bool:
    """Say whether a code may mean what a form says."""
    if said in (AS_IT_STANDS, "") or (said == IGNORE and may_ignore):
        return True
    return said in words if words else len(said) <= LONGEST_MEANING and said.isprintable()
