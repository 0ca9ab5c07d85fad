"""Immunoglobulin as treatment or as replacement, told by the doses of its courses."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.exposure import CourseRule, IvigExposure, MeasureInForce
from heliotrope.definitions.load import Rulebook
from heliotrope.records.exact import compute_comparison
from heliotrope.records.in_force import find_in_force
from heliotrope.records.spans import derive_span_starts
from heliotrope.records.units import find_conversion, find_unit

IMMUNOGLOBULINS = {
    "patient_id": pl.String,
    "date": pl.Date,
    "dose": pl.Float64,
    "dose_unit": pl.String,
    "route": pl.String,
}
WEIGHTS = {"patient_id": pl.String, "date": pl.Date, "value": pl.Float64, "unit": pl.String}

_GRAMS, _PER_KG, _KILOGRAMS = "g", "g/kg", "kg"
_CHILD, _REGIMEN = "patient_id", ["patient_id", "_regimen"]


@dataclass(frozen=True)
class Purposes:
    """What immunoglobulin was given for, as far as its doses tell; each frame has patient_id.

    replacement: whose every regimen is one of replacement. unjudged: none of whose courses has a
    dose by weight, so that nothing is known of it.
    """

    replacement: pl.DataFrame
    unjudged: pl.DataFrame


def find_given(immunoglobulins: pl.DataFrame, rulebook: Rulebook) -> pl.DataFrame:
    """Return the intravenous immunoglobulin that was given.

    A route that is not recorded is intravenous, as in the records; a dose of 0 is none; an unknown
    dose is one.
    """
    rule = rulebook.get("ivig_exposure", IvigExposure)
    is_intravenous = (pl.col("route") == rule.intravenous_route).fill_null(True)
    return immunoglobulins.filter(is_intravenous & (pl.col("dose") != 0).fill_null(True))


def judge_purposes(given: pl.DataFrame, weights: pl.DataFrame, rulebook: Rulebook) -> Purposes:
    """Tell replacement from treatment by the rule that regimens are told by.

    Rule: a dose in grams is divided by the weight in force on the first day of its course, one
    recorded by weight counts as it is. A regimen is one of replacement where at least 75 % of its
    courses with a known dose are under 0.8 g/kg (the figures are those of ``ivig_exposure``).
    Missing: a course with an unknown dose, or of grams without a weight in force, counts neither
    way; a regimen without any known dose is not one of replacement. Undated infusions make no
    course. A recorded stop, which would end a regimen, is not looked at here.
    """
    rule = rulebook.get("ivig_exposure", IvigExposure)
    courses = _make_courses(given, rule)
    in_force = rulebook.get("weight_in_force", MeasureInForce)
    weighed = find_in_force(courses, read_kilograms(weights), in_force.max_age_days)
    is_low = compute_comparison(_compute_g_per_kg(), "<", rule.regimen.replacement_under_g_per_kg)
    regimens = weighed.group_by(_REGIMEN).agg(share=is_low.mean())
    is_replacement = compute_comparison(
        pl.col("share"), ">=", rule.regimen.replacement_min_fraction
    )
    children = regimens.group_by(_CHILD).agg(
        is_replacement=is_replacement.fill_null(False).all(),
        is_known=pl.col("share").is_not_null().any(),
    )
    known = children.filter("is_known").select(_CHILD)
    return Purposes(
        replacement=children.filter("is_replacement").select(_CHILD).sort(_CHILD),
        unjudged=given.select(_CHILD).unique().join(known, on=_CHILD, how="anti").sort(_CHILD),
    )


def _compute_g_per_kg() -> pl.Expr:
    from_grams = pl.when(pl.col("grams") > 0).then(pl.col("grams") / pl.col("in_force"))
    return pl.when("is_known").then(pl.col("per_kg") + from_grams.otherwise(0.0))


def _make_courses(given: pl.DataFrame, rule: IvigExposure) -> pl.DataFrame:
    """Make one row a course: its first day as ``date``, its doses and its regimen."""
    dated = given.filter(pl.col("date").is_not_null()).sort(_CHILD, "date")
    dated = dated.hstack(_read_doses(dated["dose"], dated["dose_unit"]))
    days = _start_courses(dated, rule.course)
    courses = days.group_by(_CHILD, "span_start").agg(
        pl.col("grams", "per_kg").sum(),
        is_known=(pl.col("grams").is_not_null() | pl.col("per_kg").is_not_null()).all(),
    )
    since = pl.col("date").diff().dt.total_days().over(_CHILD)
    opens = (since > rule.regimen.max_interval_days).fill_null(True)
    return (
        courses.rename({"span_start": "date"})
        .sort(_CHILD, "date")
        .with_columns(_regimen=opens.cast(pl.Int32).cum_sum().over(_CHILD))
    )


def _start_courses(days: pl.DataFrame, rule: CourseRule) -> pl.DataFrame:
    """Add ``span_start``: the first day of each day's course."""
    gap = pl.col("date").diff().dt.total_days().over(_CHILD)
    is_new = (gap > rule.max_days_between_infusion_days).fill_null(True)
    chains = days.with_columns(_chain=is_new.cast(pl.Int32).cum_sum().over(_CHILD))
    return derive_span_starts(chains, [_CHILD, "_chain"], rule.max_days_first_to_last)


def _read_doses(dose: pl.Series, units: pl.Series) -> pl.DataFrame:
    """Return ``grams`` and ``per_kg`` (g/kg): one of them, or none where the unit is neither."""
    found = {}
    for name, target in (("grams", _GRAMS), ("per_kg", _PER_KG)):
        found[name] = dose * units.replace_strict(
            _find_factors(units, target), default=None, return_dtype=pl.Float64
        )
    return pl.DataFrame(found)


def _find_factors(units: pl.Series, target: str) -> dict[str, float]:
    """Return what each spelling of a unit of the same dimension is multiplied by."""
    factors = {}
    for text in units.drop_nulls().unique().to_list():
        conversion = find_conversion(text, target) if find_unit(text) is not None else None
        if conversion is not None:
            factors[text] = conversion.convert(1.0)
    return factors


def read_kilograms(weights: pl.DataFrame) -> pl.DataFrame:
    """Return patient_id, date, value in kg and a blank row_id: one weight a person and day.

    A blank unit is kilograms, as in the records; any other unit that is no mass is left out, and
    so is a weight of 0. Ties: of two weights on a day the last row counts.
    """
    units = weights["unit"].fill_null(_KILOGRAMS)
    factor = units.replace_strict(
        _find_factors(units, _KILOGRAMS), default=None, return_dtype=pl.Float64
    )
    return (
        weights.with_columns(value=pl.col("value") * factor)
        .filter((pl.col("value") > 0) & pl.col("date").is_not_null())
        .unique(["patient_id", "date"], keep="last", maintain_order=True)
        .select("patient_id", "date", "value", row_id=pl.lit(None, pl.Int64))
    )
