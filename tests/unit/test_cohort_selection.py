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
    WEIGHTS,
    Cohort,
    CohortRecords,
    select_cohort,
)
from heliotrope.ingest.diagnoses import list_below, name_diagnoses

RULEBOOK = read_rulebook()
JDM = "juvenile_dermatomyositis"
BORN, SEEN = date(2010, 5, 14), date(2016, 1, 1)


def select(
    persons, diagnoses=(), immunoglobulins=(), cohort: str | None = None, weights=()
) -> Cohort:
    given = [row if len(row) == 5 else (*row, "g/kg", "iv") for row in immunoglobulins]
    records = CohortRecords(
        pl.DataFrame(persons, schema=PERSONS, orient="row"),
        pl.DataFrame(list(diagnoses), schema=DIAGNOSES, orient="row"),
        pl.DataFrame(given, schema=IMMUNOGLOBULINS, orient="row"),
        pl.DataFrame(list(weights), schema=WEIGHTS, orient="row"),
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


def day(after: int) -> date:
    return date.fromordinal(SEEN.toordinal() + after)


MONTHLY = [("a", day(28 * number), 10.0, "g", "iv") for number in range(4)]


@pytest.mark.parametrize(
    ("weights", "is_in", "is_judged"),
    [
        ([("a", day(-1), 25.0, "kg")], False, True),
        ([("a", day(-1), 12.0, "kg")], True, True),
        # 12.5 kg: 0.8 g/kg is on the edge and treatment
        ([("a", day(-1), 12.5, "kg")], True, True),
        # a blank unit is kilograms; pounds and grams are not taken for them
        ([("a", day(-1), 25.0, None)], False, True),
        ([("a", day(-1), 55.0, "lb")], False, True),
        ([("a", day(-1), 25000.0, "g")], False, True),
        ([("a", day(-1), 25.0, "stone")], True, False),
        # no weight, one too old, one of 0, one of another child
        ([], True, False),
        ([("a", day(-91), 25.0, "kg")], True, False),
        ([("a", day(-1), 0.0, "kg")], True, False),
        ([("b", day(-1), 25.0, "kg")], True, False),
        # between two weights the line holds
        ([("a", day(-91), 25.0, "kg"), ("a", day(200), 26.0, "kg")], False, True),
    ],
)
def test_grams_are_divided_by_the_weight_in_force(weights, is_in, is_judged):
    cohort = select([("a", BORN)], [("a", SEEN, JDM)], MONTHLY, weights=weights)
    assert cohort.patients.to_list() == (["a"] if is_in else [])
    said = {note.rule: note.found for note in cohort.notes}
    if is_judged:
        assert "replacement_not_judged" not in said
    else:
        assert said["replacement_not_judged"] == "1 of 1 persons of the cohort"


def test_a_regimen_of_treatment_beside_one_of_replacement_leaves_a_child_in():
    low = [("a", day(28 * number), 0.4) for number in range(6)]
    high = [("a", day(400), 2.0)]
    assert not len(select([("a", BORN)], [("a", SEEN, JDM)], low).patients)
    assert len(select([("a", BORN)], [("a", SEEN, JDM)], [*low, *high]).patients)
    # within one regimen three courses of four are enough to make it replacement
    late = [("a", day(28 * 6), 2.0)]
    assert not len(select([("a", BORN)], [("a", SEEN, JDM)], [*low, *late]).patients)


def test_a_long_chain_of_days_is_cut_into_courses():
    # every third day: one chain, but no course is longer than a week
    days = [("a", day(3 * number), 0.1) for number in range(20)]
    assert not len(select([("a", BORN)], [("a", SEEN, JDM)], days).patients)


@pytest.mark.parametrize(
    ("route", "dose", "left"),
    [("sc", 0.1, [1, 0]), (None, 2.0, [1, 1]), ("iv", 2.0, [1, 1]), ("iv", 0.0, [1, 0])],
)
def test_only_what_was_given_into_a_vein_is_ivig(route, dose, left):
    given = [("a", day(7 * number), dose, "g/kg", route) for number in range(4)]
    cohort = select([("a", BORN)], [("a", SEEN, JDM)], given)
    assert [n for _, _, n in cohort.steps][3:5] == left


def test_the_step_that_left_nobody_is_said():
    persons, diagnoses = [("a", date(1980, 1, 1)), ("b", BORN)], [("a", SEEN, JDM)]
    said = {note.rule: note.found for note in select(persons, diagnoses).notes}
    assert said["outside_cohort"] == "2 of 2 persons in the source"
    assert said["cohort_empty"] == (
        "0 under 18 years at the first of these diagnoses; 1 before: with a code of juvenile "
        "dermatomyositis, or of dermatomyositis at no stated age"
    )
    assert select([]).notes[0].found == "no person in the source"
    assert not select(persons, cohort="everyone").notes


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
