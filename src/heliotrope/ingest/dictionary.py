"""The data dictionary: every column a source may have, what it means and what it may hold."""

from __future__ import annotations

from dataclasses import dataclass

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.ingest.columns import TABLE_COLUMNS, ColumnSpec
from heliotrope.ingest.context import ReadContext, make_context
from heliotrope.ingest.tabular.layout import NEEDED
from heliotrope.records.canonical import CANONICAL

_TYPES = {
    "patient_id": "text",
    "text": "text",
    "word": "word",
    "drug": "word",
    "measure": "word",
    "unit": "word",
    "date": "date",
    "number": "number",
    "integer": "whole number",
    "time": "time of day",
    "yes_no": "yes or no",
}

# Where the source's column says more than the canonical one it becomes.
_MEANINGS = {
    "time": "time of day it began, hours and minutes",
    "ongoing": "yes if the drug is still taken; leave blank where an end date stands",
}

INFUSION_UNITS = ("g", "g/kg")
MEDICATION_UNITS = ("mg/day", "mg/kg/day", "mg/week", "mg/m2", "mg")


@dataclass(frozen=True)
class DictionaryEntry:
    """One column of one table, as the data dictionary lists it."""

    table: str
    column: str
    meaning: str
    type: str
    unit: str
    is_required: bool
    allowed: tuple[str, ...]
    example: str


def describe_columns(rulebook: Rulebook) -> list[DictionaryEntry]:
    """List every column of every table; meanings come from the canonical schemas."""
    context = make_context(rulebook)
    return [
        DictionaryEntry(
            table=table,
            column=spec.name,
            meaning=_meaning(table, spec),
            type=_say_type(spec),
            unit=_say_unit(table, spec),
            is_required=(spec.name,) in NEEDED[table],
            allowed=list_allowed(table, spec, context),
            example=spec.example,
        )
        for table, specs in TABLE_COLUMNS.items()
        for spec in specs
    ]


def list_allowed(table: str, spec: ColumnSpec, context: ReadContext) -> tuple[str, ...]:
    """Return the canonical words of a column; empty where anything may stand."""
    if table == "infusion" and spec.name == "route":
        return ("iv", "sc")
    if spec.reads == "measure":
        return tuple(context.measures)
    if spec.reads == "drug":
        return tuple(context.drugs)
    if spec.reads == "yes_no":
        return ("yes", "no")
    if spec.name == "dose_unit":
        return INFUSION_UNITS if table == "infusion" else MEDICATION_UNITS
    if table == "assessment" and spec.reads == "unit":
        return tuple(
            sorted(
                {unit for item in context.measures.values() for unit in (item.unit, *item.units)}
            )
        )
    if table == "event" and spec.name == "term":
        return (*context.words["event_term"].names, *context.words["ivig_stop_reason"].names)
    return context.words[spec.vocabulary].names if spec.vocabulary else ()


def _meaning(table: str, spec: ColumnSpec) -> str:
    described = CANONICAL[table].columns()[spec.target].description
    return _MEANINGS.get(spec.name) or described or ""


def _say_type(spec: ColumnSpec) -> str:
    if spec.reads == "date":
        return "date, or month or year" if spec.is_placed else "date, with its day"
    return _TYPES[spec.reads]


def _say_unit(table: str, spec: ColumnSpec) -> str:
    if table == "assessment" and spec.name in ("value", "lower_limit", "upper_limit"):
        return "as in the column unit"
    if spec.name == "dose":
        return "as in the column dose_unit"
    return ""


def describe_measures(rulebook: Rulebook) -> list[tuple[str, str, str, str, str, str]]:
    """List every measure: name, title, unit, other units, range, which end is better."""
    return [
        (
            measure.id,
            measure.title,
            measure.unit,
            ", ".join(measure.units),
            _say_range(measure.minimum, measure.maximum),
            f"{measure.better} is better" if measure.better else "",
        )
        for measure in measures_of(rulebook).values()
    ]


def _say_range(minimum: float | None, maximum: float | None) -> str:
    if minimum is None and maximum is None:
        return ""
    low = "" if minimum is None else f"{minimum:g}"
    return f"{low} to {maximum:g}" if maximum is not None else f"from {low}"
