"""Who of a source that holds everyone belongs to the study."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from heliotrope.definitions.cohort_entry import CohortEntry, find_cohort_entry
from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.ingest.cohort import (
    DIAGNOSES,
    IMMUNOGLOBULINS,
    PERSONS,
    Cohort,
    CohortRecords,
    list_below,
    name_diagnoses,
    select_cohort,
)

RULEBOOK = read_rulebook()
JDM = "juvenile_dermatomyositis"
BORN, SEEN = date(2010, 5, 14), date(2016, 1, 1)


def select(persons, diagnoses=(), immunoglobulins=(), cohort: str | None = None) -> Cohort:
    records = CohortRecords(
        pl.DataFrame(persons, schema=PERSONS, orient="row"),
        pl.DataFrame(list(diagnoses), schema=DIAGNOSES, orient="row"),
        pl.DataFrame(list(immunoglobulins), schema=IMMUNOGLOBULINS, orient="row"),
    )
    return select_cohort(records, find_cohort_entry(cohort, RULEBOOK), RULEBOOK)


def test_each_step_says_who_is_left():
    persons = [(name, BORN) for name in "abcdef"] + [("g", None), ("h", date(1990, 1, 1))]
    diagnoses = [
        *((name, SEEN, JDM) for name in "abcd"),
        ("e", SEEN, "dermatomyositis_other"),
        ("g", SEEN, "juvenile_dermatomyositis_overlap"),
        ("h", SEEN, "dermatomyositis"),
        ("b", SEEN, "common_variable_immunodeficiency"),
    ]
    given = [(name, SEEN, 2.0) for name in "abcefgh"] + [("d", SEEN, 0.4)]
    cohort = select(persons, diagnoses, [row for row in given if row[0] != "c"])
    assert [(step, left) for step, _, left in cohort.steps] == [
        ("persons", 8),
        ("dermatomyositis", 6),
        ("under_18_years", 5),
        ("no_primary_immunodeficiency", 4),
        ("immunoglobulin", 3),
        ("not_replacement", 2),
    ]
    assert cohort.patients.to_list() == ["a", "g"]
    assert cohort.first_diagnosis.rows() == [("a", SEEN), ("g", SEEN)]


@pytest.mark.parametrize(
    ("birth", "seen", "concept", "is_in"),
    [
        (date(2000, 5, 14), date(2018, 5, 13), JDM, True),
        (date(2000, 5, 14), date(2018, 5, 14), JDM, False),
        (date(2000, 5, 14), date(2018, 5, 13), "dermatomyositis", True),
        (None, SEEN, "dermatomyositis", False),
        (None, SEEN, JDM, True),
        (BORN, None, JDM, True),
        (BORN, None, "dermatomyositis", False),
    ],
)
def test_under_18_at_the_first_diagnosis(birth, seen, concept, is_in):
    cohort = select([("a", birth)], [("a", seen, concept)], cohort="jdm")
    assert cohort.patients.to_list() == (["a"] if is_in else [])


@pytest.mark.parametrize(
    ("given", "is_in"),
    [
        ([(0, 0.4), (28, 0.4), (56, 0.4)], False),
        # two grams in five days are one course of treatment
        ([(day, 0.4) for day in range(5)], True),
        ([(0, 0.4), (28, None)], False),
        ([(0, None)], True),
        ([(0, 0.4), (1, None)], True),
        ([(0, 0.4), (28, 2.0)], True),
        ([(0, 0.8)], True),
    ],
)
def test_replacement_is_told_by_the_courses(given, is_in):
    days = [("a", date.fromordinal(SEEN.toordinal() + day), dose) for day, dose in given]
    cohort = select([("a", BORN)], [("a", SEEN, JDM)], days)
    assert cohort.patients.to_list() == (["a"] if is_in else [])


def test_everyone_and_adults():
    persons = [("a", date(1960, 1, 1)), ("b", BORN)]
    diagnoses = [("a", SEEN, "dermatomyositis_adult_onset"), ("b", SEEN, JDM)]
    assert select(persons, cohort="everyone").patients.to_list() == ["a", "b"]
    adult = select(persons, diagnoses, [("a", SEEN, 2.0), ("b", SEEN, 2.0)], "adult_dm_ivig")
    assert adult.patients.to_list() == ["a"]
    with pytest.raises(UserError, match="jdm_ivig"):
        find_cohort_entry("jdm_ivigg", RULEBOOK)


def test_diagnoses_are_named_by_their_system_and_code():
    rows = pl.DataFrame(
        [
            ("SNOMED", "1212005", None, JDM),
            ("http://hl7.org/fhir/sid/icd-10-cm", "m33.01", None, f"{JDM}_respiratory"),
            ("ICD10", "M33.0", None, JDM),
            ("ICD10CM", "D80.1", None, "antibody_deficiency"),
            ("ICD10CM", "D84.821", None, None),
            ("SNOMED", "36971009", None, None),
            ("of the ward", "1212005", None, None),
            (None, None, "Juvenile Dermatomyositis", JDM),
            (None, "1212005", None, None),
        ],
        schema=["system", "code", "text", "expected"],
        orient="row",
    )
    named = name_diagnoses(rows, RULEBOOK)
    assert named["concept"].to_list() == rows["expected"].to_list()


def test_every_step_names_concepts_of_the_code_lists():
    known = list_below(["dermatomyositis", "primary_immunodeficiency"], RULEBOOK)
    for entry in RULEBOOK.of_kind(CohortEntry):
        for step in entry.steps:
            for name in ("concepts", "undated", "but_not"):
                assert set(getattr(step, name, ())) <= known
