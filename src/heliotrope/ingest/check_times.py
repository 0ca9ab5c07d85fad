"""Find records that contradict a child's calendar: birth, death, follow-up, overlapping drugs."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.settle import make_late_problems
from heliotrope.records.dates import compute_days_between

_DATED = {
    "assessment": "date",
    "infusion": "date",
    "medication": "start_date",
    "event": "date",
    "indication": "date",
}


def check_calendar(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Find records before birth, after death or after the end of follow-up."""
    children = tables["patient"].select("patient_id", "birth_date", "death_date", "followup_end")
    found = []
    for table, date in _DATED.items():
        rows = (
            tables[table]
            .rename({date: "day"})
            .join(children, on="patient_id", how="inner", maintain_order="left")
            .with_columns(
                said=pl.format("{} on {}", pl.lit(table), pl.col("day").dt.to_string("%Y-%m-%d"))
            )
        )
        late = "infusion_after_followup_end" if table == "infusion" else "record_after_followup_end"
        for rule, limit, is_broken in (
            ("birth_after_treatment", "birth_date", pl.col("day") < pl.col("birth_date")),
            ("record_after_death", "death_date", pl.col("day") > pl.col("death_date")),
            (late, "followup_end", pl.col("day") > pl.col("followup_end")),
        ):
            word = limit.removesuffix("_date").replace("_", " ").replace("followup", "follow-up")
            said = pl.format(
                "{}, {} on {}", "said", pl.lit(word), pl.col(limit).dt.to_string("%Y-%m-%d")
            )
            found.append(make_late_problems(table, rows.filter(is_broken), rule, found=said))
    return pl.concat([_first_of_child(frame, tables) for frame in found])


def check_order_of_dates(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Find children whose own dates contradict one another: diagnosed before born, and so on."""
    rows = tables["patient"]
    found = []
    for earlier, later in (
        ("birth_date", "onset_date"),
        ("onset_date", "diagnosis_date"),
        ("birth_date", "diagnosis_date"),
        ("diagnosis_date", "death_date"),
        ("diagnosis_date", "followup_end"),
    ):
        first, second = (
            pl.format("{} {}", pl.lit(name.removesuffix("_date").replace("_", " ")),
                      pl.col(name).dt.to_string("%Y-%m-%d"))
            for name in (earlier, later)
        )  # fmt: skip
        found.append(
            make_late_problems(
                "patient",
                rows.filter(pl.col(earlier) > pl.col(later)),
                "dates_out_of_order",
                found=pl.format("{}: {}, {}", pl.col("patient_id"), first, second),
            )
        )
    return pl.concat(found)


def check_far_dates(tables: Mapping[str, pl.DataFrame], context: ReadContext) -> pl.DataFrame:
    """Find records years away from every other record of the child: mostly a mistyped year."""
    dated = pl.concat(
        [
            tables[table].select(
                pl.lit(table).alias("table"), "patient_id", "row_id", pl.col(date).alias("day")
            )
            for table, date in _DATED.items()
        ]
    ).filter(pl.col("day").is_not_null())
    limit = context.limits.far_from_other_records_days
    # the nearest other record is a neighbour in time; records of one day are one
    days = dated.select("patient_id", "day").unique().sort("patient_id", "day")
    gaps = [
        compute_days_between(pl.col("day").shift(1).over("patient_id"), pl.col("day")),
        compute_days_between(pl.col("day"), pl.col("day").shift(-1).over("patient_id")),
    ]
    far = days.filter(pl.min_horizontal(gaps) > limit)
    rows = dated.join(far, on=["patient_id", "day"], how="semi", maintain_order="left")
    said = pl.format(
        "{} on {}, no other record of the child within {} days",
        "table",
        pl.col("day").dt.to_string("%Y-%m-%d"),
        pl.lit(limit),
    )
    parts = [
        make_late_problems(table, rows.filter(pl.col("table") == table), "date_far_from_others",
                           found=said)
        for table in _DATED
    ]  # fmt: skip
    return pl.concat([_first_of_child(part, tables) for part in parts])


def _first_of_child(problems: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Keep the first of a child's problems of one rule and table, and say how many there are."""
    if problems.is_empty():
        return problems
    table = problems["table"][0]
    return (
        problems.join(
            tables[table].select("row_id", "patient_id"), on="row_id", maintain_order="left"
        )
        .with_columns(n=pl.len().over("patient_id"))
        .filter(pl.col("patient_id").is_first_distinct())
        .with_columns(
            pl.when(pl.col("n") > 1)
            .then(pl.format("{} (and {} more of this child)", "found", pl.col("n") - 1))
            .otherwise("found")
            .alias("found")
        )
        .select(problems.columns)
    )


def check_overlaps(tables: Mapping[str, pl.DataFrame], context: ReadContext) -> pl.DataFrame:
    """Find periods of one drug that begin before the one before has ended."""
    key = ["patient_id", "drug", "route"]
    rows = tables["medication"].sort(*key, "start_date", "row_id")
    end = pl.when(pl.col("is_ongoing")).then(pl.lit(None, pl.Date)).otherwise(pl.col("end_date"))
    rows = rows.with_columns(
        before_start=pl.col("start_date").shift(1).over(key),
        before_end=end.shift(1).over(key),
        before_ongoing=pl.col("is_ongoing").shift(1).over(key),
    )
    is_overlap = (pl.col("before_end") >= pl.col("start_date")) | pl.col("before_ongoing")
    overlapping = rows.filter(is_overlap.fill_null(False))
    before_end = pl.col("before_end").dt.to_string("%Y-%m-%d").fill_null("no end")
    said = pl.format(
        "{} from {} while the period from {} to {} runs",
        pl.col("drug"),
        pl.col("start_date").dt.to_string("%Y-%m-%d"),
        pl.col("before_start").dt.to_string("%Y-%m-%d"),
        before_end,
    )
    steroids = [name for name, drug in context.drugs.items() if drug.is_glucocorticoid]
    is_steroid = pl.col("drug").is_in(steroids)
    return pl.concat(
        [
            make_late_problems(
                "medication",
                overlapping.filter(is_steroid),
                "overlapping_steroid_periods",
                found=said,
            ),
            make_late_problems(
                "medication",
                overlapping.filter(~is_steroid),
                "overlapping_drug_periods",
                found=said,
            ),
        ]
    )
