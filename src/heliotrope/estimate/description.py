"""Who was treated: the cohort's counts, a Table 1 and the reasons for starting."""

from __future__ import annotations

import polars as pl

from heliotrope.estimate.inputs import NO_IVIG, Inputs, count_words
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded

NOT_RECORDED = worded("not recorded for any treated child")


def estimate_cohort(inputs: Inputs) -> list[Row]:
    """Count the children, those with and without IVIG, and their regimens."""
    topic = inputs.topic("cohort")
    regimens = inputs.table("regimen")
    children = inputs.patients.height
    treated = regimens["patient_id"].n_unique()
    subcutaneous = inputs.table("infusion_day").filter(
        pl.col("route") == inputs.exposure.subcutaneous_route
    )
    sc_only = subcutaneous.join(regimens, on="patient_id", how="anti")["patient_id"].n_unique()
    rows = [
        topic.count("children", children),
        topic.count("with_ivig", treated, children),
        topic.count("without_ivig", children - treated, children),
        topic.count("subcutaneous_only", sc_only, children),
        topic.count("regimens", regimens.height),
        topic.count("later_regimens", regimens.height - treated),
    ]
    if treated == 0:
        rows.append(topic.refuse("response", "proportion_exact", NO_IVIG))
    return rows


def estimate_table1(inputs: Inputs) -> list[Row]:
    """Describe the treated children at the first infusion of their first regimen.

    Ages and times are medians with quartiles and range; words are counts of children among those
    in whom they are recorded, with the number in whom they are not.
    """
    treated = inputs.first_regimens().join(
        inputs.patients.drop("observed_until"), on="patient_id", how="left", maintain_order="left"
    )
    topic = inputs.topic("table1")
    reason = NO_IVIG if treated.height == 0 else NOT_RECORDED
    rows = [topic.count("children", treated.height, treated.height)]
    rows += _describe_times(inputs, topic, treated, reason)
    rows += _describe_doses(inputs, topic, treated, reason)
    for column in ("sex", "antibody", "diagnosis", "site", "status", "purpose"):
        rows += describe_words(topic, column, treated[column], reason)
    stopped = treated.filter(pl.col("discontinuation_date").is_not_null())
    rows += describe_words(
        topic, "stop_reason", stopped["reason"], worded("no regimen was stopped")
    )
    monthly = treated["is_monthly"].drop_nulls()
    rows += topic.proportion(
        "monthly", int(monthly.sum()), monthly.len(), worded("no child had enough courses to tell")
    )
    rows += _describe_earlier_drugs(inputs, topic, treated)
    return rows


def describe_words(topic: Topic, name: str, words: pl.Series, refused: str) -> list[Row]:
    """Give the share of each word among the children in whom one is recorded.

    Variables are ``name:word``; ``name:not_recorded`` counts the rest.
    """
    counts = count_words(words)
    total = sum(counts.values())
    rows: list[Row] = []
    for word, count in counts.items():
        rows.append(topic.count(f"{name}:{word}", count, total))
        rows += topic.proportion(f"{name}:{word}", count, total, refused)
    if total == 0:
        rows.append(topic.refuse(name, "proportion_exact", refused))
    if words.len() > total:
        rows.append(topic.count(f"{name}:not_recorded", words.len() - total, words.len()))
    return rows


def _describe_times(inputs: Inputs, topic: Topic, treated: pl.DataFrame, reason: str) -> list[Row]:
    calendar = inputs.parameters.calendar
    first = pl.col("first_infusion")
    times = {
        "age_at_first_infusion_years": (first - pl.col("birth_date"), calendar.days_per_year),
        "months_from_onset": (first - pl.col("onset_date"), calendar.days_per_month),
        "months_from_diagnosis": (first - pl.col("diagnosis_date"), calendar.days_per_month),
        "months_on_regimen": (pl.col("last_infusion") - first, calendar.days_per_month),
        "months_observed_from_first_infusion": (
            pl.col("observed_until") - first,
            calendar.days_per_month,
        ),
        "months_observed_after_last_infusion": (
            pl.col("observed_until") - pl.col("last_infusion"),
            calendar.days_per_month,
        ),
    }
    rows: list[Row] = []
    for name, (time, unit_days) in times.items():
        values = treated.select(time.dt.total_days() / unit_days).to_series()
        rows += topic.summary(name, values, reason)
    return rows


def _describe_doses(inputs: Inputs, topic: Topic, treated: pl.DataFrame, reason: str) -> list[Row]:
    """Describe courses, doses and intervals: a child's own median stands for its courses."""
    per_child = (
        inputs.of_group(inputs.table("course"))
        .sort("patient_id", "course")
        .group_by("patient_id", maintain_order=True)
        .agg(
            first_dose=pl.col("dose_g_per_kg").first(),
            usual_dose=pl.col("dose_g_per_kg").median(),
            usual_interval=pl.col("interval_days").median(),
            infusion_days=pl.col("infusion_days").sum(),
        )
    )
    return [
        *topic.summary("courses", treated["courses"], reason),
        *topic.summary("infusion_days", per_child["infusion_days"], reason),
        *topic.summary("dose_g_per_kg_first_course", per_child["first_dose"], reason),
        *topic.summary("dose_g_per_kg_per_course", per_child["usual_dose"], reason),
        *topic.summary("interval_days", per_child["usual_interval"], reason),
    ]


def _describe_earlier_drugs(inputs: Inputs, topic: Topic, treated: pl.DataFrame) -> list[Row]:
    """Give the share of children on each drug at any time before the first infusion.

    The denominator are the children with any medication row; the others may have had drugs that
    nobody wrote down. A systemic glucocorticoid counts as ``steroid``, a pulse apart.
    """
    with_any = inputs.gather(lambda piece: piece.record("medication").select("patient_id").unique())
    known = treated.select("patient_id", "first_infusion").join(
        with_any, on="patient_id", how="semi"
    )
    positive = inputs.table("steroid_period").filter(
        (pl.col("prednisone_mg_day") > 0).fill_null(True)
    )
    started = pl.concat(
        [
            positive.select("patient_id", "start_date", drug=pl.lit("steroid")),
            inputs.table("steroid_pulse").select(
                "patient_id", "start_date", drug=pl.lit("steroid_pulse")
            ),
            inputs.table("drug_period").select("patient_id", "start_date", "drug"),
        ]
    )
    earlier = (
        started.join(known, on="patient_id")
        .filter(pl.col("start_date") < pl.col("first_infusion"))
        .unique(["patient_id", "drug"])
    )
    rows: list[Row] = []
    for drug, count in count_words(earlier["drug"]).items():
        rows.append(topic.count(f"earlier_drug:{drug}", count, known.height))
        rows += topic.proportion(f"earlier_drug:{drug}", count, known.height, NO_IVIG)
    unknown = treated.height - known.height
    if unknown or treated.height == 0:
        rows.append(topic.count("earlier_drug:not_recorded", unknown, treated.height))
    return rows


def estimate_indications(inputs: Inputs) -> list[Row]:
    """Count why IVIG was started: as recorded, as the records show, and whether they agree.

    A child may have several reasons, so the shares may add up to more than one; ``primary`` is the
    first recorded reason of each child.
    """
    findings = inputs.of_group(inputs.table("indication"))
    topic = inputs.topic("indication")
    nothing = NO_IVIG if findings.height == 0 else worded("no reason for starting is recorded")
    rows: list[Row] = []
    for column in ("recorded", "derived"):
        named = findings.filter(pl.col(column).list.len() > 0)
        counts = count_words(named[column].list.unique().explode())
        for reason, count in counts.items():
            rows.append(topic.count(f"{column}:{reason}", count, named.height))
            rows += topic.proportion(f"{column}:{reason}", count, named.height, nothing)
        if not counts:
            rows.append(topic.refuse(column, "proportion_exact", nothing))
        rows.append(topic.count(f"{column}:none", findings.height - named.height, findings.height))
    rows += describe_words(topic, "primary", findings["recorded"].list.first(), nothing)
    agree = findings["agree"].drop_nulls()
    rows += topic.proportion(
        "agree",
        int(agree.sum()),
        agree.len(),
        worded("no child has both a recorded reason and one that the records show"),
    )
    return rows
