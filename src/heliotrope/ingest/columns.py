"""The columns a source may have, table by table: what each holds and what its faults cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reads = Literal[
    "patient_id", "text", "word", "drug", "measure", "unit", "date", "number", "integer", "time",
    "yes_no",
]  # fmt: skip

Cost = Literal["row", "cell"]


@dataclass(frozen=True)
class ColumnSpec:
    """One column of a source table.

    ``fault``: what an unreadable cell costs, the whole row (quarantined) or only the cell, which
    is then missing. ``is_placed``: a partial date is placed by the rule; otherwise the day is
    needed. ``canonical``: the name in the canonical table, where it differs.
    """

    name: str
    reads: Reads = "text"
    is_required: bool = False
    fault: Cost = "row"
    vocabulary: str | None = None
    is_placed: bool = False
    canonical: str | None = None
    example: str = ""

    @property
    def target(self) -> str:
        """Return the column's name in the canonical table."""
        return self.canonical or self.name


_PATIENT_ID = ColumnSpec("patient_id", "patient_id", is_required=True, example="P01")


def _date(name: str, example: str, *, is_required: bool = False) -> ColumnSpec:
    return ColumnSpec(name, "date", is_required=is_required, example=example)


def _placed(
    name: str, example: str, *, is_required: bool = False, fault: Cost = "row"
) -> ColumnSpec:
    return ColumnSpec(
        name, "date", is_required=is_required, is_placed=True, fault=fault, example=example
    )


def _time() -> ColumnSpec:
    return ColumnSpec("time", "time", fault="cell", canonical="minute_of_day", example="09:30")


TABLE_COLUMNS: dict[str, tuple[ColumnSpec, ...]] = {
    "patient": (
        _PATIENT_ID,
        ColumnSpec("sex", "word", vocabulary="sex", fault="cell", example="female"),
        _placed("birth_date", "2009-05-14", fault="cell"),
        _placed("onset_date", "2014-11", fault="cell"),
        _placed("diagnosis_date", "2015-02-03", fault="cell"),
        ColumnSpec("diagnosis", example="juvenile dermatomyositis"),
        ColumnSpec("antibody", example="NXP2"),
        ColumnSpec("site", example="A"),
        _placed("followup_end", "2019-06-30", fault="cell"),
        _placed("death_date", "", fault="cell"),
    ),
    "assessment": (
        _PATIENT_ID,
        _date("date", "2016-03-01", is_required=True),
        ColumnSpec("measure", "measure", is_required=True, example="creatine_kinase"),
        ColumnSpec("value", "number", example="850"),
        ColumnSpec("unit", "unit", example="U/L"),
        ColumnSpec("lower_limit", "number", fault="cell", example="30"),
        ColumnSpec("upper_limit", "number", fault="cell", example="170"),
        ColumnSpec("text", example=""),
        ColumnSpec("assessor", example="physiotherapist"),
    ),
    "infusion": (
        _PATIENT_ID,
        _date("date", "2016-03-01", is_required=True),
        _time(),
        ColumnSpec("product", example="brand and lot"),
        ColumnSpec("route", "word", vocabulary="route", example="iv"),
        ColumnSpec("dose", "number", fault="cell", example="40"),
        ColumnSpec("dose_unit", "unit", fault="cell", example="g"),
        ColumnSpec("rate", example="3 mL/kg/h"),
        ColumnSpec("premedication", example="paracetamol; methylprednisolone"),
    ),
    "medication": (
        _PATIENT_ID,
        ColumnSpec("drug", "drug", is_required=True, example="prednisone"),
        ColumnSpec("route", "word", vocabulary="route", fault="cell", example="oral"),
        _placed("start_date", "2015-02-10", is_required=True),
        _placed("end_date", "2015-04-01"),
        ColumnSpec("ongoing", "yes_no", fault="cell", canonical="is_ongoing", example="no"),
        ColumnSpec("dose", "number", fault="cell", example="40"),
        ColumnSpec("dose_unit", "unit", fault="cell", example="mg/day"),
        ColumnSpec("every_n_days", "integer", example="1"),
        ColumnSpec(
            "stop_reason",
            "word",
            vocabulary="medication_stop_reason",
            fault="cell",
            example="planned",
        ),
    ),
    "event": (
        _PATIENT_ID,
        _date("date", "2016-03-02", is_required=True),
        _time(),
        ColumnSpec(
            "kind", "word", vocabulary="event_kind", is_required=True, example="adverse_event"
        ),
        ColumnSpec("term", "word", vocabulary="event_term", fault="cell", example="fever"),
        ColumnSpec("value", "number", fault="cell", example="38.6"),
        ColumnSpec("unit", "unit", fault="cell", example="degC"),
        ColumnSpec("grade", "integer", fault="cell", example="1"),
        ColumnSpec("end_date", "date", fault="cell", example="2016-03-03"),
        ColumnSpec("related", "yes_no", fault="cell", example="yes"),
    ),
    "indication": (
        _PATIENT_ID,
        ColumnSpec("date", "date", fault="cell", example="2016-02-20"),
        ColumnSpec(
            "reason", "word", vocabulary="indication", is_required=True, example="exacerbation"
        ),
        ColumnSpec("text", example=""),
    ),
    "adjudication": (
        _PATIENT_ID,
        ColumnSpec("regimen", "integer", fault="cell", example="1"),
        ColumnSpec("rater", example="R1"),
        ColumnSpec("pattern", "word", vocabulary="pattern", is_required=True, example="rapid"),
    ),
}

# The cell a row's row_id points at: the first of these that the source has.
VALUE_COLUMNS: dict[str, tuple[str, ...]] = {
    "patient": ("patient_id",),
    "assessment": ("value", "text", "measure"),
    "infusion": ("dose",),
    "medication": ("dose", "drug"),
    "event": ("term", "kind"),
    "indication": ("reason",),
    "adjudication": ("pattern",),
}


def column_names(table: str) -> list[str]:
    """Return the column names of a source table, in order."""
    return [spec.name for spec in TABLE_COLUMNS[table]]
