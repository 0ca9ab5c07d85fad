"""Who of a source that holds everyone belongs to the study, step by step, each step counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from heliotrope.definitions.codes import CodeBook, CodedConcept, CodeList, make_code_book
from heliotrope.definitions.cohort_entry import (
    EVERYONE,
    AgeAtDiagnosis,
    CohortEntry,
    Diagnosed,
    ImmunoglobulinGiven,
    NotDiagnosed,
    NotReplacement,
)
from heliotrope.definitions.exposure import IvigExposure
from heliotrope.definitions.load import Rulebook
from heliotrope.ingest.context import ReadContext, normalise_word
from heliotrope.records.dates import compute_years_between, parse_date
from heliotrope.records.units import find_unit

PERSONS = {"patient_id": pl.String, "birth_date": pl.Date}
DIAGNOSES = {"patient_id": pl.String, "date": pl.Date, "concept": pl.String}
IMMUNOGLOBULINS = {"patient_id": pl.String, "date": pl.Date, "dose_g_per_kg": pl.Float64}

# Leaves out the rows of persons who are in the source and not in the cohort.
OUTSIDE_COHORT = "outside_cohort"

_TOLD = {"system": pl.String, "code": pl.String, "text": pl.String}


@dataclass(frozen=True)
class CohortRecords:
    """What a cohort is selected by; columns as in PERSONS, DIAGNOSES and IMMUNOGLOBULINS.

    persons: one row a person, birth_date null where unknown. diagnoses: the coded concept of each
    (see ``name_diagnoses``), null where it is in no list. immunoglobulins: one row a record of
    it as given, the dose null where unknown.
    """

    persons: pl.DataFrame
    diagnoses: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DIAGNOSES))
    immunoglobulins: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=IMMUNOGLOBULINS)
    )


@dataclass(frozen=True)
class Cohort:
    """A cohort selected: its patients, sorted, and (step, words, persons left) step by step.

    first_diagnosis: patient_id and date of the first diagnosis that counted (null: undated).
    """

    patients: pl.Series
    steps: tuple[tuple[str, str, int], ...]
    first_diagnosis: pl.DataFrame


def select_cohort(records: CohortRecords, entry: CohortEntry | None, rulebook: Rulebook) -> Cohort:
    """Select the persons whom every criterion leaves in, counting after each.

    Rule: the steps stand in the definition; each is applied to the persons the one before left.
    Missing: an unknown age leaves in only who has a code of childhood; an unknown dose leaves
    nobody out. ``entry`` None: everyone.
    """
    persons = records.persons.cast(PERSONS).unique("patient_id").sort("patient_id")  # type: ignore[arg-type]
    steps = [("persons", "persons in the source", persons.height)]
    selection = _Selection(records, rulebook, persons, pl.DataFrame(schema=DIAGNOSES))
    for step in entry.steps if entry else ():
        selection = _APPLY[step.test](selection, step)
        steps.append((step.id, step.words, selection.left.height))
    if entry is None:
        steps.append((EVERYONE, "taken: everyone, as study.toml says", persons.height))
    first = (
        selection.counted.join(selection.left, on="patient_id", how="semi")
        .group_by("patient_id")
        .agg(pl.col("date").min())
        .sort("patient_id")
    )
    return Cohort(selection.left["patient_id"], tuple(steps), first)


def name_diagnoses(diagnoses: pl.DataFrame, rulebook: Rulebook) -> pl.DataFrame:
    """Add the coded ``concept`` of each diagnosis by its system and code, else by its words.

    Shapes: patient_id, date and any of system, code, text (String). A system that is not known, or
    a code in no list, gives null; words count where they are the title of a concept.
    """
    told = diagnoses.with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in _TOLD.items()
        if name not in diagnoses.columns
    )
    book = make_code_book(rulebook)
    titles = {
        normalise_word(concept.title): concept.id
        for concept in diagnosis_concepts(rulebook).values()
    }
    distinct = told.select(list(_TOLD)).unique()
    found = [
        _find_concept(system, code, text, book, titles)
        for system, code, text in distinct.iter_rows()
    ]
    named = distinct.with_columns(pl.Series("concept", found, dtype=pl.String))
    return told.join(
        named, on=list(_TOLD), how="left", nulls_equal=True, maintain_order="left"
    ).select(*diagnoses.columns, "concept")


def _find_concept(
    system: str | None,
    code: str | None,
    text: str | None,
    book: CodeBook,
    titles: Mapping[str, str],
) -> str | None:
    if code and system and system.strip().casefold() in book.systems:
        coded = book.find(system, code)
        if coded is not None and coded.about == "diagnosis":
            return coded.concept
    return titles.get(normalise_word(text)) if text else None


def diagnosis_concepts(rulebook: Rulebook) -> dict[str, CodedConcept]:
    """Return every coded diagnosis by its id."""
    return {
        concept.id: concept
        for item in rulebook.of_kind(CodeList)
        if item.about == "diagnosis"
        for concept in item.concepts
    }


def list_below(concepts: Iterable[str], rulebook: Rulebook) -> frozenset[str]:
    """Return some coded diagnoses with all that the code lists place below them."""
    listed = diagnosis_concepts(rulebook)
    below = set(concepts)
    while more := {item.id for item in listed.values() if item.parent in below} - below:
        below |= more
    return frozenset(below)


@dataclass(frozen=True)
class _Selection:
    """Who is left, and the diagnoses by which they were counted in."""

    records: CohortRecords
    rulebook: Rulebook
    left: pl.DataFrame
    counted: pl.DataFrame

    def keep(self, who: pl.DataFrame, counted: pl.DataFrame | None = None) -> _Selection:
        left = self.left.join(who, on="patient_id", how="semi").sort("patient_id")
        counted = self.counted if counted is None else counted
        return _Selection(self.records, self.rulebook, left, counted)

    def drop(self, who: pl.DataFrame) -> _Selection:
        left = self.left.join(who, on="patient_id", how="anti").sort("patient_id")
        return _Selection(self.records, self.rulebook, left, self.counted)


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
    return selection.keep(selection.records.immunoglobulins)


def _drop_replacement(selection: _Selection, _: NotReplacement) -> _Selection:
    """Leave out who was given doses of replacement in as many courses as make a regimen one.

    Infusion days no further apart than those of one course are one course; a course with an
    unknown dose counts neither way.
    """
    (exposure,) = selection.rulebook.of_kind(IvigExposure)
    gap, rule = exposure.course.max_days_between_infusion_days, exposure.regimen
    given = selection.records.immunoglobulins.sort("patient_id", "date", nulls_last=True)
    is_new = pl.col("date").diff().dt.total_days().over("patient_id") > gap
    courses = (
        given.with_columns(course=is_new.fill_null(True).cast(pl.Int32).cum_sum())
        .group_by("patient_id", "course")
        .agg(
            pl.col("dose_g_per_kg").sum(),
            is_known=pl.col("dose_g_per_kg").is_not_null().all(),
        )
        .filter("is_known")
    )
    is_low = pl.col("dose_g_per_kg") < rule.replacement_under_g_per_kg
    shares = courses.group_by("patient_id").agg(share=is_low.mean())
    return selection.drop(shares.filter(pl.col("share") >= rule.replacement_min_fraction))


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


def compute_g_per_kg(dose: pl.Series, units: pl.Series) -> pl.Series:
    """Return doses that were recorded by weight, in g/kg; null for every other unit."""
    per_kg = {
        text: float(unit.size)
        for text in units.drop_nulls().unique().to_list()
        if (unit := find_unit(text)) is not None and unit.dimension == "mass per body mass"
    }
    factor = units.replace_strict(per_kg, default=None, return_dtype=pl.Float64)
    return dose.cast(pl.Float64, strict=False) * factor
