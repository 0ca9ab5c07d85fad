"""The seven canonical tables: what every source is read into and all later rooms read.

Each row carries the ``row_id`` of the source cell it came from (see ``row_id``), so that every
statement of a report can be followed back to a file, row and column. Words (measures, drugs,
units, terms) are canonical here; which words exist is data in ``definitions``.
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

PRECISIONS = ["day", "month_placed_on_15th", "year_placed_on_1_july"]

_PRECISION = "how much of the date was recorded and, if partial, the rule that placed it"


def _row_id() -> dy.Int64:
    return dy.Int64(primary_key=True, min=0, description="packed source, record and column number")


def _patient_id() -> dy.String:
    return dy.String(min_length=1, description="the source's own pseudonym of the child, as text")


def _text(description: str) -> dy.String:
    return dy.String(nullable=True, description=description)


def _date(description: str) -> dy.Date:
    return dy.Date(nullable=True, description=description)


def _precision() -> dy.String:
    return dy.String(
        nullable=True,
        check=lambda column: column.is_in(PRECISIONS),
        description=_PRECISION,
    )


class Patient(dy.Schema):
    """A child."""

    row_id = _row_id()
    patient_id = _patient_id()
    sex = _text("female or male; null when unknown")
    birth_date = _date("date of birth")
    birth_date_precision = _precision()
    onset_date = _date("first symptom of dermatomyositis")
    onset_date_precision = _precision()
    diagnosis_date = _date("diagnosis of dermatomyositis")
    diagnosis_date_precision = _precision()
    diagnosis = _text("the source's word for the diagnosis")
    antibody = _text("myositis-specific antibody, e.g. NXP2, TIF1-gamma, MDA5, none")
    site = _text("the centre that cares for the child")
    followup_end = _date("last day the child was observed; null means the last recorded date")
    followup_end_precision = _precision()
    death_date = _date("day of death")
    death_date_precision = _precision()


class Assessment(dy.Schema):
    """One measure once: a clinical score, a laboratory value, a weight, a judgement."""

    row_id = _row_id()
    patient_id = _patient_id()
    date = dy.Date(description="day of the visit or of the sample")
    measure = dy.String(description="canonical measure, e.g. physician_global")
    value = dy.Float64(nullable=True, description="the number, in the measure's canonical unit")
    value_qualifier = dy.String(
        nullable=True,
        check=lambda column: column.is_in(["<", ">", "<=", ">="]),
        description="'<' when the source wrote <0.5; the value is then the limit itself",
    )
    unit = _text("the measure's canonical unit")
    lower_limit = dy.Float64(nullable=True, description="lower limit of normal, same unit")
    upper_limit = dy.Float64(nullable=True, description="upper limit of normal, same unit")
    text = _text("a judgement in words: improved, unchanged, worse")
    assessor = _text("who assessed, where recorded")

    @dy.rule()
    def says_something(cls) -> pl.Expr:  # noqa: N805
        """A row has a value or a text."""
        return pl.col("value").is_not_null() | pl.col("text").is_not_null()


class Infusion(dy.Schema):
    """One day's immunoglobulin."""

    row_id = _row_id()
    patient_id = _patient_id()
    date = dy.Date(description="calendar day of the infusion")
    minute_of_day = dy.Int32(nullable=True, min=0, max=1439, description="start, minutes")
    product = _text("brand or product as recorded")
    route = dy.String(description="iv or sc")
    dose = dy.Float64(nullable=True, min=0, description="dose in dose_unit")
    dose_unit = dy.String(
        nullable=True, check=lambda column: column.is_in(["g", "g/kg"]), description="g or g/kg"
    )
    rate = _text("infusion rate as recorded")
    premedication = _text("drug names separated by semicolons; null when unrecorded")


class Medication(dy.Schema):
    """One drug, one dose, one period."""

    row_id = _row_id()
    patient_id = _patient_id()
    drug = dy.String(description="canonical drug name (WHO), e.g. prednisone")
    route = _text("oral, iv, sc, im, topical, inhaled, rectal, ophthalmic, ...; null when unknown")
    start_date = dy.Date(description="first day at this dose")
    start_date_precision = _precision()
    end_date = _date("last day at this dose, inclusive; null when ongoing or unknown")
    end_date_precision = _precision()
    is_ongoing = dy.Bool(description="no end is recorded: the drug is taken to the last record")
    dose = dy.Float64(nullable=True, min=0, description="dose in dose_unit on a dosing day")
    dose_unit = _text("mg/day, mg/kg/day, mg/week, mg/m2 or mg")
    every_n_days = dy.Int32(min=1, description="1 daily, 2 alternate days; 1 when unrecorded")
    stop_reason = _text("complication, inefficacy, remission, planned, patient_choice, unknown")

    @dy.rule()
    def ends_after_it_starts(cls) -> pl.Expr:  # noqa: N805
        """The last day is not before the first."""
        return pl.col("end_date").is_null() | (pl.col("end_date") >= pl.col("start_date"))


class Event(dy.Schema):
    """Something that happened."""

    row_id = _row_id()
    patient_id = _patient_id()
    date = dy.Date(description="day it began")
    minute_of_day = dy.Int32(nullable=True, min=0, max=1439, description="when, minutes")
    kind = dy.String(description="adverse_event, flare, hospitalisation, complication, ...")
    term = _text("canonical term, e.g. fever, or the source's own words")
    value = dy.Float64(nullable=True, description="measured value, e.g. 38.6")
    unit = _text("unit of the value, e.g. degC")
    grade = dy.Int32(nullable=True, min=0, max=5, description="grade as recorded")
    end_date = _date("day it ended")
    related = dy.Bool(nullable=True, description="recorded as related to the infusion")


class Indication(dy.Schema):
    """The recorded reason for starting immunoglobulin."""

    row_id = _row_id()
    patient_id = _patient_id()
    date = _date("day the reason was recorded; null means the first regimen")
    reason = dy.String(description="canonical reason, e.g. exacerbation")
    text = _text("the source's own words")


class Adjudication(dy.Schema):
    """A clinician's own label of a child's response (optional)."""

    row_id = _row_id()
    patient_id = _patient_id()
    regimen = dy.Int32(nullable=True, min=1, description="regimen number; null means the first")
    rater = _text("who labelled")
    pattern = dy.String(description="the label, a pattern of jdm_ivig_response")


CANONICAL: dict[str, type[dy.Schema]] = {
    "patient": Patient,
    "assessment": Assessment,
    "infusion": Infusion,
    "medication": Medication,
    "event": Event,
    "indication": Indication,
    "adjudication": Adjudication,
}
