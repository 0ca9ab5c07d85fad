"""How the cells of one column are read: by the same steps as a run, each different text once.

Only this column is looked at. The dates of other columns are replaced by a fixed one, so that an
order that is open there does not hide how this one is read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from heliotrope.definitions.measure import Measure
from heliotrope.errors import UserError
from heliotrope.ingest.build import BUILDERS, Built
from heliotrope.ingest.build_assessment import build_assessment
from heliotrope.ingest.columns import TABLE_COLUMNS, ColumnSpec
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.mapping import Format, SourceMapping
from heliotrope.ingest.mapping import MeasureColumn as NamedMeasure
from heliotrope.ingest.proofs import prove_whole
from heliotrope.ingest.staged import clean, missing_tokens
from heliotrope.ingest.tabular.layout import stage
from heliotrope.records.dates import DAY, DateWords, parse_date, prove_order
from heliotrope.report.language import _
from heliotrope.report.words import say_flag, say_number
from heliotrope.workbench.column_table import ColumnLine, SourceColumns

MOST_SAMPLES = 16
MOST_DATES = 5
FIXED_DATE = "2000-01-01"


@dataclass(frozen=True)
class Sample:
    """A text, how often it stands there, what it is read as, and what is wrong with it."""

    text: str
    count: int
    reading: str | None
    problem: str | None
    is_left_out: bool


@dataclass(frozen=True)
class ColumnReading:
    """How a column is read. fault: why nothing of it can be read yet (expected, found, to do)."""

    samples: Sequence[Sample]
    different: int
    fault: tuple[str, str, str] | None = None

    @property
    def common_problem(self) -> str | None:
        """What is wrong with every text alike; None where one is read without a finding."""
        found = {item.problem for item in self.samples}
        return found.pop() if len(found) == 1 else None


@dataclass(frozen=True)
class DateReading:
    """A date that can be read in two ways, and both."""

    text: str
    day_first: str
    month_first: str


@dataclass(frozen=True)
class DateOrder:
    """What the dates of a column prove: the order, by which texts, or that they do not."""

    order: str | None
    proof: Sequence[str]
    open_dates: Sequence[DateReading]
    contradiction: tuple[str, str] | None


def find_spec(table: SourceColumns, line: ColumnLine) -> ColumnSpec | None:
    """Find what our column holds; None for a measure, and for what is not read."""
    specs = TABLE_COLUMNS[table.source.table]
    return next((spec for spec in specs if spec.name == line.ours), None)


def read_samples(
    table: SourceColumns, line: ColumnLine, format: Format, context: ReadContext
) -> ColumnReading:
    """Read a column and show what became of its texts: what is wrong first, then the frequent."""
    assert table.raw is not None
    different = len(line.profile.counts)
    try:
        mapping = _narrow(table, line)
        staged = prove_whole(stage(table.raw, mapping, format, context), context)
        build = build_assessment if mapping.table == "assessment" else BUILDERS[mapping.table]
        built = build(staged, context)
    except UserError as error:
        fault = (error.expected, str(error.found), error.to_do)
        return ColumnReading((), different, fault)
    cells = table.raw.numbered().select(
        "record", clean(pl.col(str(line.number)), missing_tokens(context, format), {}).alias("text")
    )
    first = cells.drop_nulls().group_by("text", maintain_order=True).agg(pl.first("record"))
    kept = set(staged.rows["record"].to_list())
    found = {row["record"]: row for row in built.rows.iter_rows(named=True)}
    problems = _list_problems(built, line.number, context)
    samples = [
        Sample(
            text=text,
            count=line.profile.counts.get(text, 0),
            reading=_say_reading(found.get(record), table, line),
            problem=problems.get(record),
            is_left_out=record not in kept,
        )
        for text, record in first.iter_rows()
    ]
    samples.sort(key=lambda item: (item.problem is None, -item.count, item.text))
    return ColumnReading(samples[:MOST_SAMPLES], different)


def _narrow(table: SourceColumns, line: ColumnLine) -> SourceMapping:
    """Leave of a mapping what this column needs."""
    source = table.source
    dates = {spec.name for spec in TABLE_COLUMNS[source.table] if spec.reads == "date"}
    fixed = dict.fromkeys(dates - {line.ours}, FIXED_DATE)
    update: dict[str, Any] = {
        "constants": {**source.constants, **fixed},
        "columns": {name: theirs for name, theirs in source.columns.items() if name not in fixed},
    }
    if line.measure is not None:
        named = next((item for item in source.measures if item.column == line.header), None)
        item = named or NamedMeasure(column=line.header, measure=line.measure)
        limits = {"lower_limit_column": None, "upper_limit_column": None, "date": None}
        update["measures"] = (item.model_copy(update=limits),)
    return source.model_copy(update=update)


def _list_problems(built: Built, column: int, context: ReadContext) -> dict[int, str]:
    """Say of each record what is wrong with its cell."""
    found = built.problems.filter(pl.col("column") == column)
    said: dict[int, str] = {}
    for row in found.iter_rows(named=True):
        rule = context.rules.get(row["rule"])
        expected = row["expected"] or (rule.expected if rule else "")
        hint = row["suggestion"] or (rule.suggestion if rule else "")
        parts = [say_flag(row["rule"]), expected, hint]
        said.setdefault(row["record"], ": ".join(part for part in parts if part))
    return said


def _say_reading(
    row: Mapping[str, Any] | None, table: SourceColumns, line: ColumnLine
) -> str | None:
    """Say what a cell became, with its unit."""
    spec = find_spec(table, line)
    if row is None:
        return None
    if spec is None or (table.source.table == "assessment" and spec.name in ("value", "unit")):
        return _say_value(row)
    value = row.get(spec.target)
    if value is None:
        return None
    if spec.reads == "date":
        return _say_date(value, row.get(f"{spec.target}_precision"))
    if spec.reads == "time":
        return f"{value // 60:02}:{value % 60:02}"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        unit = row.get("dose_unit") or row.get("unit")
        return " ".join(part for part in (say_number(value), unit) if part)
    return str(value)


def _say_value(row: Mapping[str, Any]) -> str | None:
    """Say the value of a measure in the measure's own unit, or the word of a judgement."""
    if row["value"] is None:
        text: str | None = row["text"]
        return text
    unit = "" if row["unit"] in (None, "none") else f" {row['unit']}"
    return f"{row['value_qualifier'] or ''}{say_number(row['value'])}{unit}"


def _say_date(day: dt.date, precision: str | None) -> str:
    text = f"{day.day} {day:%B %Y}"
    return text if precision in (None, DAY) else f"{text} ({say_flag(precision or '')})"


def judge_dates(line: ColumnLine, words: DateWords) -> DateOrder:
    """Say what the dates of a column prove of the order of day and month."""
    texts = {text: parse_date(text, words) for text in line.profile.counts}
    proof = prove_order(texts)
    is_contradiction = bool(proof.day_first and proof.month_first)
    return DateOrder(
        order=proof.order,
        proof=(*proof.day_first, *proof.month_first)[:1],
        open_dates=list(_list_readings(proof.ambiguous[:MOST_DATES], words)),
        contradiction=(proof.day_first[0], proof.month_first[0]) if is_contradiction else None,
    )


def _list_readings(texts: Sequence[str], words: DateWords) -> Iterator[DateReading]:
    for text in texts:
        read = parse_date(text, words)
        if read.day_first and read.month_first:
            both = (_say_date(placed.day, None) for placed in (read.day_first, read.month_first))
            yield DateReading(text, *both)


def list_units(
    table: SourceColumns, line: ColumnLine, measures: Mapping[str, Measure]
) -> list[str]:
    """List the units that the numbers of a column may be in; none where a unit says nothing."""
    from heliotrope.ingest.convert import INFUSION_UNITS, MEDICATION_UNITS

    if line.measure is not None:
        measure = measures[line.measure]
        return [] if measure.unit == "none" else [measure.unit, *measure.units]
    match table.source.table, line.ours:
        case "infusion", "dose":
            return list(INFUSION_UNITS.values())
        case "medication", "dose":
            return list(MEDICATION_UNITS.values())
        case "event", "value":
            return ["degC", "degF"]
        case "assessment", "value":
            return sorted({u for m in measures.values() for u in (m.unit, *m.units)} - {"none"})
    return []
