"""Ways in which records are worse than simulated ones; each changes the tables it is given."""

from __future__ import annotations

import numpy as np
import polars as pl

Tables = dict[str, pl.DataFrame]
Random = np.random.Generator


def keep_share(table: pl.DataFrame, share: float, random: Random) -> pl.DataFrame:
    """Keep a share of the rows, drawn by chance."""
    return table.filter(pl.Series(random.random(table.height) < share, dtype=pl.Boolean))


def _shift(table: pl.DataFrame, columns: list[str], days: int, random: Random) -> pl.DataFrame:
    by = pl.lit(pl.Series(random.integers(-days, days + 1, table.height), dtype=pl.Int64))
    return table.with_columns(
        [(pl.col(column) + pl.duration(days=by)).cast(pl.Date) for column in columns]
    )


def drop_values(tables: Tables, random: Random) -> None:
    """Every second value was never written down."""
    tables["assessment"] = keep_share(tables["assessment"], 0.5, random)


def drop_most_values(tables: Tables, random: Random) -> None:
    """One value in six was written down."""
    tables["assessment"] = keep_share(tables["assessment"], 0.17, random)


def drop_physician_global(tables: Tables, _random: Random) -> None:
    """Nobody gave a global assessment."""
    tables["assessment"] = tables["assessment"].filter(pl.col("measure") != "physician_global")


def drop_weights(tables: Tables, random: Random) -> None:
    """Most weights are missing."""
    is_weight = pl.col("measure") == "weight"
    kept = keep_share(tables["assessment"].filter(is_weight), 0.05, random)
    tables["assessment"] = pl.concat([tables["assessment"].filter(~is_weight), kept])


def change_premedication(tables: Tables, random: Random) -> None:
    """Premedication unrecorded, or with a steroid in it."""
    words = [None, "paracetamol", "Methylprednisolone; paracetamol", "hydrocortisone"]
    drawn = [words[i] for i in random.integers(0, 4, tables["infusion"].height)]
    tables["infusion"] = tables["infusion"].with_columns(
        premedication=pl.Series(drawn, dtype=pl.String)
    )


def shift_visits(tables: Tables, random: Random) -> None:
    """Values of one visit scattered over three weeks."""
    tables["assessment"] = _shift(tables["assessment"], ["date"], 10, random)


def drop_medication(tables: Tables, random: Random) -> None:
    """No drug was recorded, or none but the steroid, or none of the steroids."""
    medication = tables["medication"]
    is_steroid = pl.col("drug").is_in(["prednisone", "prednisolone", "methylprednisolone"])
    kept = [medication.clear(), medication.filter(is_steroid), medication.filter(~is_steroid)]
    tables["medication"] = kept[int(random.integers(0, 3))]


def see_quarterly(tables: Tables, _random: Random) -> None:
    """One visit a quarter, the rest is not in the registry."""
    visits = tables["assessment"].sort("date")
    quarter = pl.col("date").dt.truncate("1q")
    first = pl.col("date").min().over("patient_id", quarter)
    tables["assessment"] = visits.filter(pl.col("date") == first).sort("row_id")


def see_weekly(tables: Tables, random: Random) -> None:
    """Visits moved into the first week after an infusion."""
    starts = (
        tables["infusion"].select("patient_id", pl.col("date").alias("infused")).sort("infused")
    )
    moved = (
        tables["assessment"]
        .sort("date")
        .join_asof(
            starts,
            left_on="date",
            right_on="infused",
            by="patient_id",
            strategy="backward",
            check_sortedness=False,
        )
    )
    ahead = pl.lit(pl.Series(random.integers(0, 12, moved.height), dtype=pl.Int64))
    is_near = (pl.col("date") - pl.col("infused")).dt.total_days() < 60
    near = (pl.col("infused") + pl.duration(days=ahead)).cast(pl.Date)
    tables["assessment"] = (
        moved.with_columns(
            date=pl.when(is_near.fill_null(value=False)).then(near).otherwise("date")
        )
        .drop("infused")
        .sort("row_id")
    )


def write_chart_of_1997(tables: Tables, _random: Random) -> None:
    """Grades of strength and daily living, creatine kinase and judgements only."""
    values = tables["assessment"]
    keep = ["creatine_kinase", "physician_judgement", "weight", "height"]
    strength = values.filter(pl.col("measure") == "mmt8").with_columns(
        measure=pl.lit("strength_grade"), value=(pl.col("value") / 16).round()
    )
    living = values.filter(pl.col("measure") == "cmas").with_columns(
        measure=pl.lit("adl"), value=(5 - pl.col("value") / 10.4).round()
    )
    tables["assessment"] = pl.concat(
        [values.filter(pl.col("measure").is_in(keep)), strength, living]
    )


def add_indices(tables: Tables, random: Random) -> None:
    """Activity indices and total muscle testing beside or instead of the rest."""
    values = tables["assessment"]
    made = []
    for old, new, factor in (
        ("physician_global", "jdmai1", 4.0),
        ("patient_global", "jdmai2", 3.9),
        ("mmt8", "mmt_total", 3.25),
        ("physician_global", "das_skin", 0.9),
    ):
        rows = keep_share(values.filter(pl.col("measure") == old), 0.7, random)
        made.append(
            rows.with_columns(
                measure=pl.lit(new),
                value=(pl.col("value") * factor).round(1),
                row_id=pl.lit(-1, pl.Int64),
            )
        )
    tables["assessment"] = pl.concat([values.filter(pl.col("measure") != "mmt8"), *made])


def shuffle_values(tables: Tables, random: Random) -> None:
    """The course of the disease in another order: up, down, and up again."""
    shuffled = pl.col("value").shuffle(seed=int(random.integers(1 << 30)))
    tables["assessment"] = tables["assessment"].with_columns(
        value=pl.when(pl.col("measure").is_in(["weight", "height"]))
        .then("value")
        .otherwise(shuffled.over("patient_id", "measure"))
    )


def make_mild(tables: Tables, _random: Random) -> None:
    """Hardly anything to improve at the start."""
    value, measure = pl.col("value"), pl.col("measure")
    tables["assessment"] = tables["assessment"].with_columns(
        value=pl.when(measure.is_in(["physician_global", "patient_global", "chaq"]))
        .then((value / 6).round(1))
        .when(measure.is_in(["extramuscular_global", "creatine_kinase"]))
        .then((value / 5).round(1))
        .when(measure == "mmt8")
        .then((80 - (80 - value) / 6).round())
        .when(measure == "cmas")
        .then((52 - (52 - value) / 6).round())
        .otherwise(value)
    )


def drop_limits(tables: Tables, random: Random) -> None:
    """Laboratory values without their limit, or with another laboratory's."""
    factor = pl.Series(random.choice([1.0, 0.8, 1.3], tables["assessment"].height))
    is_kept = pl.Series(random.random(tables["assessment"].height) < 0.7)
    limit = (pl.col("upper_limit") * factor).round(1)
    tables["assessment"] = tables["assessment"].with_columns(
        upper_limit=pl.when(is_kept).then(limit)
    )


def skip_infusions(tables: Tables, random: Random) -> None:
    """Infusions left out: stretched, short and several regimens."""
    tables["infusion"] = _shift(keep_share(tables["infusion"], 0.45, random), ["date"], 2, random)


def change_stop(tables: Tables, random: Random) -> None:
    """Regimens stopped early, for any reason, or without one; follow-up cut."""
    infusion = tables["infusion"]
    drawn = keep_share(infusion, 0.06, random)
    reasons = ["inefficacy", "planned_after_response", "supply_or_cost", "adverse_reaction", None]
    stops = drawn.select(
        row_id=pl.lit(-1, pl.Int64),
        patient_id="patient_id",
        date=pl.col("date") + pl.duration(days=int(random.integers(0, 20))),
        kind=pl.lit("ivig_stopped"),
        term=pl.Series([reasons[i] for i in random.integers(0, 5, drawn.height)], dtype=pl.String),
    )
    kept = tables["event"].filter(pl.col("kind") != "ivig_stopped")
    tables["event"] = pl.concat([kept, stops], how="diagonal").select(kept.columns)
    days = pl.lit(pl.Series(random.integers(0, 500, tables["patient"].height), dtype=pl.Int64))
    earlier = (pl.col("followup_end") - pl.duration(days=days)).cast(pl.Date)
    tables["patient"] = tables["patient"].with_columns(followup_end=earlier)


def give_other_reasons(tables: Tables, random: Random) -> None:
    """Recorded reasons dated all over the regimens, IVIG with gaps."""
    skip_infusions(tables, random)
    infusion = keep_share(tables["infusion"], 0.3, random)
    reasons = ["skin_disease", "other", "replaces_cytotoxic_drug", "exacerbation"]
    rows = infusion.select(
        row_id=pl.lit(-1, pl.Int64),
        patient_id="patient_id",
        date="date",
        reason=pl.Series([reasons[i] for i in random.integers(0, 4, infusion.height)]),
    )
    old = tables["indication"]
    rows = pl.concat([old.clear(), rows], how="diagonal").select(old.columns)
    tables["indication"] = _shift(rows, ["date"], 4, random)


def give_low_dose(tables: Tables, random: Random) -> None:
    """Replacement doses of immunoglobulin, in g/kg."""
    dose = pl.Series(random.choice([0.4, 0.5, 0.7, 1.0], tables["infusion"].height))
    tables["infusion"] = tables["infusion"].with_columns(dose=dose, dose_unit=pl.lit("g/kg"))


def change_steroid(tables: Tables, random: Random) -> None:
    """Steroid doses unknown, scaled, in mg/kg, or moved by days."""
    medication = tables["medication"]
    factor = pl.Series(random.choice([1.0, 1.0, 0.6, 1.5, 0.25], medication.height))
    is_known = pl.Series(random.random(medication.height) < 0.97)
    scaled = (pl.col("dose") * factor).round(2)
    moved = _shift(medication, ["start_date"], 6, random)
    tables["medication"] = moved.with_columns(
        dose=pl.when(is_known).then(scaled),
        start_date=pl.min_horizontal("start_date", "end_date"),
    )


def add_drugs(tables: Tables, random: Random) -> None:
    """Pulses, rituximab, new and raised second-line drugs near the infusions."""
    drawn = keep_share(tables["infusion"], 0.12, random)
    drugs = [
        ("methylprednisolone", "iv", 600.0, "mg", 2),
        ("rituximab", "iv", 500.0, "mg", 0),
        ("tofacitinib", "oral", 10.0, "mg/day", 60),
        ("methotrexate", "sc", 25.0, "mg/week", 90),
        ("prednisone", "oral", 15.0, "mg/day", 25),
        ("cyclophosphamide", "iv", 500.0, "mg", 0),
    ]
    rows = []
    for infusion in drawn.to_dicts():
        drug, route, dose, unit, days = drugs[int(random.integers(0, len(drugs)))]
        rows.append((infusion["patient_id"], drug, route, infusion["date"], dose, unit, days))
    old = tables["medication"]
    new = pl.DataFrame(
        rows,
        schema=["patient_id", "drug", "route", "start_date", "dose", "dose_unit", "days"],
        orient="row",
    )
    if new.is_empty():
        return
    after = pl.lit(pl.Series(random.integers(-40, 60, new.height), dtype=pl.Int64))
    new = new.with_columns(
        row_id=pl.lit(-1, pl.Int64),
        start_date=(pl.col("start_date") + pl.duration(days=after)).cast(pl.Date),
        is_ongoing=pl.lit(value=False),
        every_n_days=pl.lit(1, pl.Int32),
    ).with_columns(end_date=(pl.col("start_date") + pl.duration(days=pl.col("days"))).cast(pl.Date))
    tables["medication"] = pl.concat([old, new.drop("days")], how="diagonal").select(old.columns)


def diagnose_late(tables: Tables, random: Random) -> None:
    """Diagnosis shortly before the first infusion, and flares recorded."""
    first = tables["infusion"].group_by("patient_id").agg(pl.col("date").min().alias("first"))
    days = pl.lit(pl.Series(random.integers(-5, 110, tables["patient"].height), dtype=pl.Int64))
    diagnosis = (pl.col("first") - pl.duration(days=days)).cast(pl.Date)
    tables["patient"] = (
        tables["patient"]
        .join(first, on="patient_id", how="left", maintain_order="left")
        .with_columns(diagnosis_date=pl.coalesce(diagnosis, "diagnosis_date"))
        .drop("first")
    )


def keep_all(tables: Tables, _random: Random) -> None:
    """Leave the records as they are."""
