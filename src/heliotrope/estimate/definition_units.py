"""Definitions side by side: one row a visit or regimen, one column of words a definition.

Input everywhere: ``roots``, the decisions to be compared (``patient_id``, ``regimen``, ``date``,
``definition_id``, ``word``, ``is_judged``, and ``trace_id`` where the decision has to be found
again). ``is_judged`` says whether there was enough to judge at all (a score whose bounds lie on
both sides of a degree was judged, though its state is not evaluable). A unit
under which a definition decided nothing is ``not_reached`` where the definition needs a regimen
and none had begun, else ``not_evaluable``: nobody vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.estimate import Landmarks

UNIT = ["patient_id", "regimen", "date"]

PATIENT_DATE = ["patient_id", "date"]

REGIMEN = ["patient_id", "regimen"]

DECIDED = ("met", "not_met")


@dataclass(frozen=True)
class Subject:
    """A definition as it takes part in a comparison.

    ``needs_regimen``: its decisions are about a regimen, or about a visit of one; ``by_visit``:
    it decides at visits (and is read at one of them where regimens are compared).
    """

    definition_id: str
    needs_regimen: bool
    by_visit: bool

    @property
    def trace(self) -> str:
        """The column that leads back to the decision."""
        return f"trace:{self.definition_id}"


def make_visit_units(
    roots: pl.DataFrame, subjects: Sequence[Subject], regimens: pl.DataFrame
) -> pl.DataFrame:
    """Put the definitions side by side at every visit that any of them judged.

    Returns ``patient_id``, ``regimen`` (null where no definition read one), ``date``, and for each
    definition a column of words under its id and its ``trace:`` column. ``regimens`` has
    ``first_infusion``.
    """
    own = {
        subject: _of(roots, subject)
        .filter(pl.col("date").is_not_null())
        .sort("regimen", nulls_last=False)
        .unique(PATIENT_DATE, keep="last")
        for subject in subjects
    }
    every = pl.concat([frame.select(UNIT) for frame in own.values()])
    units = every.group_by(PATIENT_DATE).agg(pl.col("regimen").max())
    first = regimens.group_by("patient_id").agg(first=pl.col("first_infusion").min())
    units = units.join(first, on="patient_id", how="left")
    has_begun = (pl.col("date") > pl.col("first")).fill_null(False)
    for subject, frame in own.items():
        units = units.join(frame.drop("regimen", "is_judged"), on=PATIENT_DATE, how="left")
        units = units.with_columns(_fill(subject, has_begun))
    return _order(units, subjects)


def make_regimen_units(
    roots: pl.DataFrame,
    subjects: Sequence[Subject],
    regimens: pl.DataFrame,
    week: int | None,
    landmarks: Landmarks,
) -> pl.DataFrame:
    """Put the definitions side by side for every regimen.

    A definition that decides at visits is read at the visit nearest to ``week`` that it could
    judge (else the nearest), within the tolerance of the landmarks, after the first infusion and
    up to the first of the next regimen; ties: the earlier visit. Returns as for visits; ``date``
    is null.
    """
    units = regimens.select(*REGIMEN, date=pl.lit(None, pl.Date))
    for subject in subjects:
        frame = _of(roots, subject)
        if subject.by_visit and week is not None:
            frame = _read_at_week(frame, subject, regimens, week, landmarks)
        own = (
            frame.filter(pl.col("regimen").is_not_null()).drop("date", "is_judged").unique(REGIMEN)
        )
        units = units.join(own, on=REGIMEN, how="left")
        units = units.with_columns(_fill(subject, pl.lit(True)))
    return _order(units, subjects)


def _of(roots: pl.DataFrame, subject: Subject) -> pl.DataFrame:
    """Take one definition's decisions, its words and trace numbers under its own names."""
    return roots.filter(pl.col("definition_id") == subject.definition_id).select(
        *UNIT,
        pl.col("word").alias(subject.definition_id),
        pl.col("trace_id").alias(subject.trace),
        "is_judged",
    )


def _fill(subject: Subject, has_begun: pl.Expr) -> pl.Expr:
    """Say why a definition has no word for a unit."""
    word = pl.col(subject.definition_id)
    if not subject.needs_regimen:
        return word.fill_null("not_evaluable")
    nothing = pl.when(has_begun).then(pl.lit("not_evaluable")).otherwise(pl.lit("not_reached"))
    return word.fill_null(nothing).alias(subject.definition_id)


def select_visits_on_regimen(
    visits: pl.DataFrame, regimens: pl.DataFrame, *, needs_regimen: bool
) -> pl.DataFrame:
    """Keep visits after a regimen's first infusion and up to the first of the next.

    Adds ``first_infusion``; a definition that knows no regimen (``needs_regimen`` false) gets the
    one its visit falls in.
    """
    until = pl.col("first_infusion").shift(-1).over("patient_id")
    spans = regimens.select(*REGIMEN, "first_infusion").sort(REGIMEN).with_columns(until=until)
    keys = REGIMEN if needs_regimen else ["patient_id"]
    own = visits if needs_regimen else visits.drop("regimen")
    return (
        own.join(spans, on=keys)
        .filter(
            (pl.col("date") > pl.col("first_infusion"))
            & (pl.col("until").is_null() | (pl.col("date") <= pl.col("until")))
        )
        .drop("until")
    )


def _read_at_week(
    frame: pl.DataFrame,
    subject: Subject,
    regimens: pl.DataFrame,
    week: int,
    landmarks: Landmarks,
) -> pl.DataFrame:
    """Keep each regimen's visit nearest to a week."""
    day = (pl.col("date") - pl.col("first_infusion")).dt.total_days()
    visits = frame.filter(pl.col("date").is_not_null())
    return (
        select_visits_on_regimen(visits, regimens, needs_regimen=subject.needs_regimen)
        .with_columns(away=(day - week * landmarks.days_per_week).abs())
        .filter(pl.col("away") <= landmarks.tolerance_weeks * landmarks.days_per_week)
        .sort(*REGIMEN, pl.col("is_judged").not_(), "away", "date")
        .unique(REGIMEN, keep="first", maintain_order=True)
        .select(frame.columns)
    )


def _order(units: pl.DataFrame, subjects: Sequence[Subject]) -> pl.DataFrame:
    words = [subject.definition_id for subject in subjects]
    return units.select(*UNIT, *words, *(subject.trace for subject in subjects)).sort(
        UNIT, nulls_last=False
    )
