"""Who of a source that holds everyone belongs to the study, step by step, each step counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from heliotrope.definitions.cohort_entry import (
    EVERYONE,
    AgeAtDiagnosis,
    CohortEntry,
    Diagnosed,
    ImmunoglobulinGiven,
    NotDiagnosed,
    NotReplacement,
)
from heliotrope.definitions.load import Rulebook
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.delivery import Note
from heliotrope.ingest.diagnoses import diagnosis_concepts, list_below
from heliotrope.ingest.replacement import IMMUNOGLOBULINS, WEIGHTS, find_given, judge_purposes
from heliotrope.records.dates import compute_years_between, parse_date

__all__ = ["DIAGNOSES", "IMMUNOGLOBULINS", "PERSONS", "WEIGHTS", "CohortRecords", "select_cohort"]

PERSONS = {"patient_id": pl.String, "birth_date": pl.Date}
DIAGNOSES = {"patient_id": pl.String, "date": pl.Date, "concept": pl.String}

# Leaves out the rows of persons who are in the source and not in the cohort.
OUTSIDE_COHORT = "outside_cohort"
# Said of a source: which step left nobody, and of whom replacement could not be judged.
EMPTIED = "cohort_empty"
UNJUDGED = "replacement_not_judged"


@dataclass(frozen=True)
class CohortRecords:
    """What a cohort is selected by; columns as in PERSONS, DIAGNOSES, IMMUNOGLOBULINS, WEIGHTS.

    persons: one row a person, birth_date null where unknown. diagnoses: the coded concept of each
    (see ``name_diagnoses``), null where it is in no list. immunoglobulins: one row a record of
    it as given, dose and unit as recorded, null where unknown. weights: as recorded, at least of
    the persons whom ``find_weighed`` names.
    """

    persons: pl.DataFrame
    diagnoses: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DIAGNOSES))
    immunoglobulins: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=IMMUNOGLOBULINS)
    )
    weights: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WEIGHTS))


@dataclass(frozen=True)
class Cohort:
    """A cohort selected: its patients, sorted, and (step, words, persons left) step by step.

    first_diagnosis: patient_id and date of the first diagnosis that counted (null: undated).
    unjudged: of how many of them replacement could not be judged.
    """

    patients: pl.Series
    steps: tuple[tuple[str, str, int], ...]
    first_diagnosis: pl.DataFrame
    unjudged: int = 0

    @property
    def notes(self) -> tuple[Note, ...]:
        """Say how many are left out, which step left nobody, and of how many replacement could
        not be judged.
        """
        steps = self.steps
        return (*_say_outside(steps), *_say_emptied(steps), *_say_unjudged(self))


def select_cohort(
    records: CohortRecords,
    entry: CohortEntry | None,
    rulebook: Rulebook,
    in_source: int | None = None,
) -> Cohort:
    """Select the persons whom every criterion leaves in, counting after each.

    Rule: the steps stand in the definition; each is applied to the persons the one before left.
    Missing: an unknown age leaves in only who has a code of childhood; an unknown dose by weight
    leaves nobody out, and a note says of how many. ``entry`` None: everyone. ``in_source``: how
    many persons the source holds, where not all are among the records.
    """
    persons = records.persons.cast(PERSONS).unique("patient_id").sort("patient_id")  # type: ignore[arg-type]
    total = persons.height if in_source is None else in_source
    steps = [("persons", "persons in the source", total)]
    selection = _Selection(records, rulebook, persons, pl.DataFrame(schema=DIAGNOSES))
    for step in entry.steps if entry else ():
        selection = _APPLY[step.test](selection, step)
        steps.append((step.id, step.words, selection.left.height))
    if entry is None:
        steps.append((EVERYONE, "taken: everyone", persons.height))
    first = (
        selection.counted.join(selection.left, on="patient_id", how="semi")
        .group_by("patient_id")
        .agg(pl.col("date").min())
        .sort("patient_id")
    )
    unjudged = selection.unjudged.join(selection.left, on="patient_id", how="semi").height
    return Cohort(selection.left["patient_id"], tuple(steps), first, unjudged)


def join_cohorts(parts: Sequence[Cohort]) -> Cohort:
    """Put the cohorts of parts of a source together: nobody is selected because of another."""
    flows = zip(*(part.steps for part in parts), strict=True)
    return Cohort(
        pl.concat([part.patients for part in parts]).sort(),
        tuple((*step[0][:2], sum(count for _, _, count in step)) for step in flows),
        pl.concat([part.first_diagnosis for part in parts]).sort("patient_id"),
        sum(part.unjudged for part in parts),
    )


def find_weighed(records: CohortRecords, entry: CohortEntry, rulebook: Rulebook) -> pl.Series:
    """Return the persons whose weights the selection needs: those whom it looks at for doses."""
    persons = records.persons.cast(PERSONS).unique("patient_id").sort("patient_id")  # type: ignore[arg-type]
    selection = _Selection(records, rulebook, persons, pl.DataFrame(schema=DIAGNOSES))
    for step in entry.steps:
        if step.test == "not_replacement":
            break
        selection = _APPLY[step.test](selection, step)
    return selection.left["patient_id"]


def _say_outside(steps: Sequence[tuple[str, str, int]]) -> list[Note]:
    """Say how many persons the cohort leaves out."""
    total, left = steps[0][2], steps[-1][2]
    if left == total:
        return []
    return [Note(OUTSIDE_COHORT, f"{total - left:,} of {total:,} persons in the source")]


def _say_emptied(steps: Sequence[tuple[str, str, int]]) -> list[Note]:
    """Say which step left nobody."""
    emptied = next((number for number, step in enumerate(steps) if not step[2]), None)
    if emptied is None:
        return []
    if not emptied:
        return [Note(EMPTIED, "no person in the source")]
    before = steps[emptied - 1]
    return [Note(EMPTIED, f"0 {steps[emptied][1]}; {before[2]:,} before: {before[1]}")]


def _say_unjudged(cohort: Cohort) -> list[Note]:
    """Say how many of those left in have no dose by weight."""
    if not cohort.unjudged:
        return []
    left = cohort.patients.len()
    return [Note(UNJUDGED, f"{cohort.unjudged:,} of {left:,} persons of the cohort")]


@dataclass(frozen=True)
class _Selection:
    """Who is left, by which diagnoses they were counted in, whose replacement is not judged."""

    records: CohortRecords
    rulebook: Rulebook
    left: pl.DataFrame
    counted: pl.DataFrame
    unjudged: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"patient_id": pl.String})
    )

    def keep(self, who: pl.DataFrame, counted: pl.DataFrame | None = None) -> _Selection:
        left = self.left.join(who, on="patient_id", how="semi").sort("patient_id")
        return replace(self, left=left, counted=self.counted if counted is None else counted)

    def drop(self, who: pl.DataFrame) -> _Selection:
        left = self.left.join(who, on="patient_id", how="anti").sort("patient_id")
        return replace(self, left=left)


def _keep_diagnosed(selection: _Selection, step: Diagnosed) -> _Selection:
    wanted = list_below(step.concepts, selection.rulebook) | set(step.undated)
    wanted -= list_below(step.but_not, selection.rulebook)
    diagnoses = selection.records.diagnoses
    counted = diagnoses.filter(pl.col("concept").is_in(sorted(wanted)))
    return selection.keep(counted, counted.select(list(DIAGNOSES)))


def _keep_by_age(selection: _Selection, step: AgeAtDiagnosis) -> _Selection:
    listed = diagnosis_concepts(selection.rulebook)
    juvenile = [name for name, concept in listed.items() if concept.is_juvenile]
    first = selection.counted.group_by("patient_id").agg(
        pl.col("date").min(), is_juvenile=pl.col("concept").is_in(juvenile).any()
    )
    age = compute_years_between(pl.col("birth_date"), pl.col("date"))
    aged = selection.left.join(first, on="patient_id", how="left").with_columns(age=age)
    if step.under_years is not None:
        is_kept = (pl.col("age") < step.under_years).fill_null(pl.col("is_juvenile"))
    else:
        is_kept = (pl.col("age") >= step.at_least_years).fill_null(False)
    return selection.keep(aged.filter(is_kept))


def _drop_diagnosed(selection: _Selection, step: NotDiagnosed) -> _Selection:
    unwanted = list_below(step.concepts, selection.rulebook)
    return selection.drop(
        selection.records.diagnoses.filter(pl.col("concept").is_in(sorted(unwanted)))
    )


def _keep_treated(selection: _Selection, _: ImmunoglobulinGiven) -> _Selection:
    return selection.keep(find_given(selection.records.immunoglobulins, selection.rulebook))


def _drop_replacement(selection: _Selection, _: NotReplacement) -> _Selection:
    given = find_given(selection.records.immunoglobulins, selection.rulebook)
    purposes = judge_purposes(given, selection.records.weights, selection.rulebook)
    return replace(selection.drop(purposes.replacement), unjudged=purposes.unjudged)


_APPLY: dict[str, Callable[..., _Selection]] = {
    "diagnosed": _keep_diagnosed,
    "age_at_diagnosis": _keep_by_age,
    "not_diagnosed": _drop_diagnosed,
    "immunoglobulin_given": _keep_treated,
    "not_replacement": _drop_replacement,
}


def read_days(texts: pl.Series, context: ReadContext) -> pl.Series:
    """Read dates as the records are read: a month on its 15th, a year on 1 July."""
    read = {
        text: parse_date(text, context.date_words).certain
        for text in texts.drop_nulls().unique().to_list()
    }
    days = {text: placed.day for text, placed in read.items() if placed is not None}
    return texts.replace_strict(days, default=None, return_dtype=pl.Date)
