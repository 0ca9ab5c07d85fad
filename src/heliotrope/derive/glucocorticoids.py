"""The steroid dose of every day, as periods of one dose, with pulses kept apart."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.glucocorticoid import GlucocorticoidRule
from heliotrope.definitions.load import Rulebook
from heliotrope.derive.doses import PARTS, compute_body_surface, compute_mg, compute_mg_per_kg
from heliotrope.derive.steroid_doses import DAILY, PULSE, derive_steroid_doses
from heliotrope.derive.weights import derive_sizes
from heliotrope.records.exact import DECIMALS, compute_comparison

CHILD = "patient_id"
ONE_DAY = pl.duration(days=1)
DOSE_MISSING = "dose_missing"
NO_EQUIVALENT = "no_equivalent"
WEIGHT_MISSING = "weight_missing"
HEIGHT_MISSING = "height_missing"


def derive_steroid_periods(
    medication: pl.DataFrame,
    assessment: pl.DataFrame,
    patients: pl.DataFrame,
    rulebook: Rulebook,
    doses: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Add up each child's systemic steroids to one dose a day, cut where the dose changes.

    Rule: prednisone equivalents of all rows of a day are added; an alternate-day dose counts its
    mean; pulses and non-systemic routes are left out; ongoing rows run to ``observed_until``. From
    the child's first medication row (of any drug) to ``observed_until`` a day without a steroid
    counts 0 mg. mg/kg uses the weight of the period's first day.

    Missing: a dose that is unknown or cannot be converted makes the days null, not 0; a missing
    weight keeps mg/day. A child without any medication row has no period.

    Returns the columns of ``SteroidPeriod`` and ``row_ids``, ``weight_row_ids`` (List[Int64]),
    ``band`` (high, medium, low, off; null for a gap too short to be off) and ``reason`` (why a
    dose is null: dose_missing, no_equivalent, weight_missing, height_missing).
    ``doses``: what ``derive_steroid_doses`` gives for the same tables, where it is there already.
    Source: project decision, clinical definitions 4.2, 10.12, 10.13 and 10.34.
    """
    rule = rulebook.get("gc_equiv_v1", GlucocorticoidRule)
    if doses is None:
        doses = derive_steroid_doses(medication, assessment, rulebook)
    rows = _select_daily_rows(medication, doses, patients)
    merged = _merge_equal_neighbours(_add_up_segments(rows))
    dated = merged.with_columns(date=pl.col("start_date"))
    sized = derive_sizes(dated, assessment, rulebook)
    surface = compute_body_surface(rulebook)
    has_surface = pl.col("mg_per_m2") > 0
    dosed = sized.with_columns(
        prednisone_mg_day=compute_mg(surface),
        prednisone_mg_kg_day=compute_mg_per_kg(surface),
        reason=pl.when(pl.col("_unknown").is_not_null())
        .then("_unknown")
        .when(has_surface & surface.is_null() & pl.col("weight_kg").is_not_null())
        .then(pl.lit(HEIGHT_MISSING))
        .when(compute_mg_per_kg(surface).is_null() | compute_mg(surface).is_null())
        .then(pl.lit(WEIGHT_MISSING)),
    )
    return (
        dosed.with_columns(band=_label_band(rule))
        .drop("date", "_unknown", *PARTS, "^height_.*$", "weight_rule")
        .sort(CHILD, "start_date")
    )


def _select_daily_rows(
    medication: pl.DataFrame, doses: pl.DataFrame, patients: pl.DataFrame
) -> pl.DataFrame:
    """Return daily steroid rows in prednisone, and a row of 0 over each child's recorded time."""
    observed = patients.select(CHILD, "observed_until")
    daily = doses.filter(pl.col("role") == DAILY)
    mean = [(pl.col(part) * pl.col("factor") / pl.col("every_days")).alias(part) for part in PARTS]
    unknown = (
        pl.when(pl.col("mg").is_null())
        .then(pl.lit(DOSE_MISSING))
        .when(pl.col("factor").is_null() & (pl.col("dose") > 0))
        .then(pl.lit(NO_EQUIVALENT))
    )
    columns = [CHILD, "start_date", "last_day", *PARTS, "row_id", "_unknown"]
    steroids = (
        daily.with_columns(_unknown=unknown)
        .join(observed, on=CHILD, how="left")
        .with_columns(
            *mean,
            last_day=pl.max_horizontal(
                "start_date", pl.coalesce("last_day", "observed_until", "start_date")
            ),
        )
        .select(columns)
    )
    first = medication.group_by(CHILD).agg(pl.col("start_date").min())
    last = steroids.group_by(CHILD).agg(_last=pl.col("last_day").max())
    silence = (
        first.join(observed, on=CHILD, how="left")
        .join(last, on=CHILD, how="left")
        .with_columns(
            *[pl.lit(0.0).alias(part) for part in PARTS],
            last_day=pl.max_horizontal("observed_until", "_last", "start_date"),
            row_id=pl.lit(None, pl.Int64),
            _unknown=pl.lit(None, pl.String),
        )
        .select(columns)
    )
    return pl.concat([steroids, silence])


def _add_up_segments(rows: pl.DataFrame) -> pl.DataFrame:
    """Cut each child's time at every start and end, and add up what is given in between.

    Each row is laid over the pieces from its start to its end, no row beside a piece that it does
    not reach: a child with very many rows costs no more than they are long.
    """
    ended = rows.with_columns(_after=pl.col("last_day") + ONE_DAY)
    cuts = (
        pl.concat([ended.select(CHILD, cut="start_date"), ended.select(CHILD, cut="_after")])
        .unique()
        .sort(CHILD, "cut")
        .with_columns(_next=pl.col("cut").shift(-1).over(CHILD))
        .with_row_index("_piece")
    )
    for day, piece in (("start_date", "_first"), ("_after", "_end")):
        numbered = cuts.select(CHILD, pl.col("cut").alias(day), pl.col("_piece").alias(piece))
        ended = ended.join(numbered, on=[CHILD, day], how="left", maintain_order="left")
    given = ended.with_columns(_piece=pl.int_ranges("_first", "_end", dtype=pl.UInt32))
    is_unknown = pl.col("_unknown").is_not_null().any()
    return (
        given.explode("_piece")
        .join(cuts.drop(CHILD), on="_piece", how="left", maintain_order="left")
        .sort("_piece", *PARTS, "row_id")
        .group_by("_piece", maintain_order=True)
        .agg(
            pl.col(CHILD, "cut").first(),
            *[pl.when(is_unknown.not_()).then(pl.col(part).sum()).alias(part) for part in PARTS],
            end_date=pl.col("_next").first() - ONE_DAY,
            row_ids=pl.col("row_id").drop_nulls().sort(),
            _unknown=pl.col("_unknown").drop_nulls().first(),
        )
        .rename({"cut": "start_date"})
        .drop("_piece")
    )


def _merge_equal_neighbours(segments: pl.DataFrame) -> pl.DataFrame:
    """Join segments that follow one another with the same dose, however the rows were split."""
    follows = pl.col("start_date") == (pl.col("end_date") + ONE_DAY).shift(1).over(CHILD)
    is_same = pl.all_horizontal(
        pl.col(part).round(DECIMALS).eq_missing(pl.col(part).round(DECIMALS).shift(1).over(CHILD))
        for part in PARTS
    )
    block = (follows & is_same).fill_null(False).not_().cum_sum()
    numbered = segments.with_columns(_block=block)
    is_alone = pl.col("_block").is_unique()
    joined = (
        numbered.filter(~is_alone)
        .group_by(CHILD, "_block", maintain_order=True)
        .agg(
            pl.col("start_date").min(),
            pl.col("end_date").max(),
            *[pl.col(part).first() for part in PARTS],
            pl.col("_unknown").first(),
            row_ids=pl.col("row_ids").explode().drop_nulls().unique().sort(),
        )
    )
    alone = numbered.filter(is_alone).select(joined.columns)
    return pl.concat([alone, joined]).sort("_block").drop("_block")


def _label_band(rule: GlucocorticoidRule) -> pl.Expr:
    dose = pl.col("prednisone_mg_kg_day")
    is_off = compute_comparison(pl.col("prednisone_mg_day"), "==", 0)
    days = (pl.col("end_date") - pl.col("start_date")).dt.total_days() + 1
    label = pl.when(is_off & (days >= rule.off_min_days)).then(pl.lit(rule.off_label))
    otherwise = pl.lit(None, pl.String)
    for band in reversed(rule.bands):
        is_inside = (
            compute_comparison(dose, ">", 0)
            if band.at_least_mg_per_kg is None
            else compute_comparison(dose, ">=", band.at_least_mg_per_kg)
        )
        otherwise = pl.when(is_inside).then(pl.lit(band.label)).otherwise(otherwise)
    return label.otherwise(otherwise)


def derive_steroid_pulses(
    medication: pl.DataFrame,
    assessment: pl.DataFrame,
    rulebook: Rulebook,
    doses: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Find steroid pulses; pulses of one drug on consecutive days are one episode.

    A pulse row without an end counts on its first day only. Returns the columns of
    ``SteroidPulse`` and ``row_ids`` (List[Int64]). ``doses``: as for ``derive_steroid_periods``.
    """
    if doses is None:
        doses = derive_steroid_doses(medication, assessment, rulebook)
    pulses = doses.filter(pl.col("role") == PULSE)
    last_day = pl.coalesce("last_day", "start_date")
    n_doses = (last_day - pl.col("start_date")).dt.total_days() // pl.col("every_days")
    days = (
        pulses.with_columns(_dose_number=pl.int_ranges(0, n_doses + 1))
        .explode("_dose_number")
        .with_columns(
            date=pl.col("start_date")
            + pl.duration(days=pl.col("_dose_number") * pl.col("every_days"))
        )
        .sort(CHILD, "drug", "date", "mg_day", "row_id")
    )
    gap = (pl.col("date") - pl.col("date").shift(1)).dt.total_days().over(CHILD, "drug")
    episode = ((gap > 1) | gap.is_null()).cast(pl.Int32).cum_sum().over(CHILD, "drug")
    return (
        days.with_columns(_episode=episode)
        .group_by(CHILD, "drug", "_episode", maintain_order=True)
        .agg(
            start_date=pl.col("date").min(),
            end_date=pl.col("date").max(),
            days=pl.col("date").n_unique().cast(pl.Int32),
            total_mg=_sum_if_known("mg_day"),
            total_mg_kg=_sum_if_known("mg_kg_day"),
            row_ids=pl.col("row_id").unique().sort(),
        )
        .drop("_episode")
        .sort(CHILD, "start_date", "drug")
    )


def _sum_if_known(column: str) -> pl.Expr:
    return pl.when(pl.col(column).is_not_null().all()).then(pl.col(column).sum())


def derive_steroid_dose_on(rows: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """Look up the steroid dose of a day.

    rows: ``patient_id``, ``date`` and any other columns, in any order, which is kept. Adds
    ``prednisone_mg_day``, ``prednisone_mg_kg_day``, ``steroid_row_ids``, ``steroid_weight_row_ids``
    and ``steroid_reason``. Missing: a day outside every period gives null, reason
    ``no_medication_recorded``.
    """
    lookup = periods.select(
        CHILD,
        "prednisone_mg_day",
        "prednisone_mg_kg_day",
        "end_date",
        _start_date="start_date",
        steroid_row_ids="row_ids",
        steroid_weight_row_ids="weight_row_ids",
        steroid_reason="reason",
    ).sort("_start_date")
    kept = {CHILD, "_start_date", "end_date", "steroid_reason"}
    found = [name for name in lookup.columns if name not in kept]
    joined = (
        rows.with_row_index("_order")
        .sort("date", maintain_order=True)
        .join_asof(
            lookup.rename({"end_date": "_end_date"}),
            left_on="date",
            right_on="_start_date",
            by=CHILD,
            strategy="backward",
            coalesce=False,
            check_sortedness=False,
        )
        .sort("_order")
        .with_columns(_is_inside=(pl.col("date") <= pl.col("_end_date")).fill_null(False))
    )
    outside = pl.lit("no_medication_recorded")
    return joined.select(
        *rows.columns,
        *[pl.when("_is_inside").then(name).alias(name) for name in found],
        pl.when("_is_inside").then("steroid_reason").otherwise(outside).alias("steroid_reason"),
    )
