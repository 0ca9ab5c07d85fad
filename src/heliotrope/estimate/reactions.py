"""Harm: reactions per infusion, course and month, and how many children had one.

What is counted is the *occasion*: reactions of one group are one (a fever with transient
proteinuria is one occasion, not two). All rates are given twice: for every reaction in its window
(group ``all``) and without those recorded as unrelated (group ``without_unrelated``). Terms are
counted twice too: as recorded, and as the grading system files them, each with the recorded words
beside it (an allergic reaction to an infusion is an infusion related reaction there). Without an
infusion there is nothing to divide by: the rate is refused and the recorded adverse events are
counted instead.
"""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.safety import ReactionWindows
from heliotrope.estimate.inputs import Inputs, count_words
from heliotrope.estimate.rows import Exposure, Row, Topic
from heliotrope.estimate.wording import worded

NO_DENOMINATOR = worded("no infusion is recorded, so there is nothing to divide by")

ALL = "all"

WITHOUT_UNRELATED = "without_unrelated"

OUTSIDE = "outside"

NOT_CODED = "not_coded"

CHILDREN_WITH = {
    "reactions": "children_with_reaction",
    "reactions_by_term": "children_with_reaction",
    "reactions_by_coded_term": "children_with_coded_term",
    "reactions_by_occasion": "children_with_occasion",
}

OCCASION = ["patient_id", "occasion"]


def estimate_reactions(inputs: Inputs) -> list[Row]:
    """Give the exposure, then occasions, terms and grades with their rates, for both groups."""
    exposures = compute_exposures(inputs)
    topic = inputs.topic("reactions")
    rows = [
        topic.of("reaction_exposure").count(
            exposure.unit, round(exposure.amount), exposure.n_evaluable
        )
        for exposure in exposures
    ]
    recorded = inputs.record("event").filter(pl.col("kind") == "adverse_event")
    rows.append(topic.of("reaction_exposure").count("adverse_events_recorded", recorded.height))
    reactions = inputs.table("reaction").with_columns(
        occasion=pl.coalesce(pl.col("group").cast(pl.Int64), pl.col("row_id"))
    )
    is_counted = (pl.col("window") != OUTSIDE) & pl.col("regimen").is_not_null()
    rows.append(
        topic.of("reaction_exposure").count(
            "reactions_outside_every_window", reactions.filter(is_counted.not_()).height
        )
    )
    inside = reactions.filter(is_counted)
    groups = {
        ALL: inside,
        WITHOUT_UNRELATED: inside.filter(pl.col("related").fill_null(True)),
    }
    rule = inputs.rulebook.get("reaction_windows", ReactionWindows)
    coded = inputs.topic("reactions_by_coded_term", rule.grading)
    for group, counted in groups.items():
        rows += _estimate_group(topic.of(group=group), counted, exposures)
        rows += _estimate_coded_terms(coded.of(group=group), counted, exposures)
        rows += _estimate_infusions(topic.of("infusions_with_reaction", group), counted, exposures)
    return rows


def _estimate_infusions(
    topic: Topic, counted: pl.DataFrame, exposures: list[Exposure]
) -> list[Row]:
    """Give the share of infusions that an occasion followed; each occasion has one infusion.

    An occasion that spans several infusions of a course belongs to the first of them.
    """
    first = counted.group_by(OCCASION).agg(pl.col("infusion_day").min())
    followed = first.select("patient_id", "infusion_day").unique().height
    infusions = exposures[0].n_evaluable
    return [
        topic.count("any_occasion", followed, infusions),
        *topic.proportion("any_occasion", followed, infusions, NO_DENOMINATOR),
    ]


def compute_exposures(inputs: Inputs) -> list[Exposure]:
    """Add up what reactions are divided by: infusion days, courses and months on IVIG.

    The months of a regimen run from its first infusion to the end of planned cover of its last
    course, or to the end of observation if that came first.
    """
    days = inputs.table("infusion_day").filter(pl.col("course").is_not_null())
    courses = inputs.table("course")
    cover = pl.duration(days=inputs.exposure.regimen.planned_cover_days)
    covered = inputs.table("regimen").select(
        days=(
            pl.max_horizontal(
                pl.min_horizontal(pl.col("last_course_start") + cover, "observed_until"),
                "last_infusion",
            )
            - pl.col("first_infusion")
        ).dt.total_days()
        + 1
    )
    months = float(covered["days"].sum()) / inputs.parameters.calendar.days_per_month
    children = days["patient_id"].n_unique()
    return [
        Exposure(
            "infusion_day", worded("infusions"), float(days.height), days.height, NO_DENOMINATOR
        ),
        Exposure(
            "course", worded("courses"), float(courses.height), courses.height, NO_DENOMINATOR
        ),
        Exposure("patient_month", worded("patient-months"), months, children, NO_DENOMINATOR),
        Exposure("child", worded("children"), float(children), children, NO_DENOMINATOR),
    ]


def _estimate_group(topic: Topic, counted: pl.DataFrame, exposures: list[Exposure]) -> list[Row]:
    occasions = counted.select(OCCASION).unique().height
    rows = _estimate_count(topic, "any_occasion", counted, exposures)
    if occasions == 0:
        rows += [topic.none_recorded("any_occasion", exposure) for exposure in exposures[:-1]]
    labels = _label_occasions(counted)
    for label in count_words(labels["label"]):
        rows += _estimate_count(
            topic.of("reactions_by_occasion"),
            label,
            labels.filter(pl.col("label") == label),
            exposures,
        )
    for term in count_words(counted["term"]):
        rows += _estimate_count(
            topic.of("reactions_by_term"), term, counted.filter(pl.col("term") == term), exposures
        )
    worst = counted.group_by(OCCASION).agg(pl.col("grade").max())
    for grade, count in count_words(worst["grade"].cast(pl.String)).items():
        rows.append(topic.of("reaction_grade").count(f"grade_{grade}", count, worst.height))
    ungraded = worst["grade"].null_count()
    if ungraded:
        rows.append(topic.of("reaction_grade").count("grade_not_recorded", ungraded, worst.height))
    return rows


def _estimate_coded_terms(
    topic: Topic, counted: pl.DataFrame, exposures: list[Exposure]
) -> list[Row]:
    """Count occasions by the term of the grading system, and the recorded words behind each.

    What the system has no term for is counted together as ``not_coded``.
    """
    filed = counted.with_columns(coded_term=pl.col("coded_term").fill_null(NOT_CODED))
    rows: list[Row] = []
    for term in count_words(filed["coded_term"]):
        of_term = filed.filter(pl.col("coded_term") == term)
        rows += _estimate_count(topic, term, of_term, exposures)
        occasions = of_term.select(OCCASION).unique().height
        for word in count_words(of_term["term"]):
            said = of_term.filter(pl.col("term") == word).select(OCCASION).unique().height
            rows.append(topic.of("coded_term_words").count(f"{term}:{word}", said, occasions))
    return rows


def _estimate_count(
    topic: Topic, variable: str, counted: pl.DataFrame, exposures: list[Exposure]
) -> list[Row]:
    """Count occasions, give their rates, and the share of children who had at least one."""
    *amounts, children = exposures
    occasions = counted.select(OCCASION).unique().height
    with_one = counted["patient_id"].n_unique()
    return [
        topic.count(variable, occasions, amounts[0].n_evaluable),
        *(topic.rate(variable, occasions, exposure) for exposure in amounts),
        *topic.of(CHILDREN_WITH[topic.analysis]).proportion(
            variable, with_one, children.n_evaluable, NO_DENOMINATOR
        ),
    ]


def _label_occasions(counted: pl.DataFrame) -> pl.DataFrame:
    """Name each occasion by its terms, e.g. ``fever + transient proteinuria``.

    A term is transient when one of its rows is and none is known not to be.
    """
    is_transient = (pl.col("transient") == "met").any() & (
        (pl.col("transient") == "not_met").any().not_()
    )
    return (
        counted.group_by(*OCCASION, "term")
        .agg(is_transient=is_transient)
        .sort(*OCCASION, "term")
        .with_columns(
            word=pl.when("is_transient").then("transient " + pl.col("term")).otherwise("term")
        )
        .group_by(OCCASION, maintain_order=True)
        .agg(label=pl.col("word").str.join(" + "))
    )
