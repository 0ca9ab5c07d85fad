"""ADTTE and ADAE: times to improvement and worsening, and what was recorded as adverse."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.safety import ReactionWindows
from heliotrope.estimate.after_stopping import derive_population
from heliotrope.report.adam.inputs import AdamInputs, count_days_from, name_parameters

WORDS = {
    ("time_to_improvement", 0): "FIRST IMPROVED VISIT",
    ("time_to_improvement", 1): "NOT IMPROVED BY THE LAST VISIT THAT COULD BE JUDGED",
    ("time_to_worsening", 0): "WORSENED AFTER THE LAST INFUSION",
    ("time_to_worsening", 1): "NOT WORSENED BY THE LAST DAY SEEN",
}


def make_adtte(inputs: AdamInputs) -> pl.DataFrame:
    """Make the times to event of first regimens, as the run's own curves count them."""
    both = pl.concat([_time_improvement(inputs), _time_worsening(inputs)])
    words = pl.coalesce(
        *(
            pl.when((pl.col("quantity") == name) & (pl.col("CNSR") == censored)).then(pl.lit(text))
            for (name, censored), text in WORDS.items()
        )
    )
    return (
        name_parameters(both, "quantity", inputs)
        .join(inputs.subjects, on="patient_id")
        .with_columns(
            AVALU=pl.lit("DAYS"),
            ADT=pl.col("STARTDT") + pl.duration(days=pl.col("AVAL")),
            EVNTDESC=words,
        )
    )


def _time_improvement(inputs: AdamInputs) -> pl.DataFrame:
    """Count days from the first infusion to the first improved visit, or the last one judged.

    A child none of whose visits could be judged has no row.
    """
    judged = (
        inputs.tables["visit"]
        .filter(pl.col("state").is_in(["met", "not_met"]), pl.col("day") > 0)
        .group_by("patient_id", "regimen")
        .agg(last_day=pl.col("day").max())
    )
    first = inputs.tables["response"].filter(pl.col("regimen") == 1)
    joined = first.join(judged, on=["patient_id", "regimen"], how="left")
    day = pl.coalesce("onset_by_day", "last_day")
    return joined.filter(day.is_not_null()).select(
        "patient_id",
        quantity=pl.lit("time_to_improvement"),
        STARTDT=pl.col("first_infusion"),
        ENTRYDY=pl.lit(0, pl.Int32),
        AVAL=day.cast(pl.Int32),
        CNSR=pl.col("onset_by_day").is_null().cast(pl.Int32),
    )


def _time_worsening(inputs: AdamInputs) -> pl.DataFrame:
    """Count days from the last infusion to worsening, of those at risk, with late entry."""
    first = inputs.tables["aggravation"].filter(pl.col("regimen") == 1)
    stops = inputs.tables["regimen"].select("patient_id", "regimen", "last_infusion")
    population = derive_population(inputs.estimates, first).join(
        stops, on=["patient_id", "regimen"], how="left"
    )
    return population.filter(pl.col("seen").is_not_null()).select(
        "patient_id",
        quantity=pl.lit("time_to_worsening"),
        STARTDT=pl.col("last_infusion"),
        ENTRYDY=pl.col("entry").cast(pl.Int32),
        AVAL=pl.coalesce("event_day", "seen").cast(pl.Int32),
        CNSR=pl.col("event_day").is_null().cast(pl.Int32),
    )


def make_adae(inputs: AdamInputs) -> pl.DataFrame:
    """Make the adverse events: every one recorded, and whether it falls in a window after IVIG."""
    outside = inputs.rulebook.get("reaction_windows", ReactionWindows).outside_label
    reactions = inputs.tables["reaction"].select(
        "patient_id", "row_id", "coded_term", "window", "group", computed_grade="grade"
    )
    events = inputs.shard.event.filter(pl.col("kind") == "adverse_event")
    joined = (
        events.join(reactions, on=["patient_id", "row_id"], how="left")
        .join(inputs.subjects, on="patient_id")
        .sort("patient_id", "date", "row_id")
    )
    is_inside = pl.col("window").is_not_null() & (pl.col("window") != outside)
    related = pl.when("related").then(pl.lit("Y")).when(~pl.col("related")).then(pl.lit("N"))
    return joined.with_columns(
        AESEQ=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("patient_id"),
        AETERM=pl.col("term"),
        AEDECOD=pl.col("coded_term"),
        ASTDT=pl.col("date"),
        ASTDY=count_days_from("date"),
        AENDT=pl.col("end_date"),
        ATOXGR=pl.coalesce("computed_grade", "grade").cast(pl.String),
        AEREL=related,
        TRTEMFL=pl.when(is_inside).then(pl.lit("Y")),
        OCCASION=pl.col("group"),
    )
