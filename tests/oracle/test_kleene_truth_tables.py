"""Every combination of met, not met and missing, against a slow and independent reading.

The slow reading fills each missing part once with met and once with not met: the rule is decided
if all fillings agree, and not evaluable if they do not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import product

import polars as pl
import pytest
from tests.spec.visit_frames import Pair, make_frames

from heliotrope.classify.deterioration import classify_deterioration
from heliotrope.classify.states import classify_states
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.rule import RuleDefinition, decide_from

Truth = bool | None

STATES: dict[Truth, str] = {True: "met", False: "not_met", None: "not_evaluable"}

# Values just inside and just outside each criterion of inactive disease.
INACTIVE = {
    "creatine_kinase": {True: 150.0, False: 150.1},
    "cmas": {True: 48.0, False: 47.0},
    "mmt8": {True: 78.0, False: 77.0},
    "physician_global": {True: 0.2, False: 0.3},
}


def inactive_2013(ck: bool, cmas: bool, mmt8: bool, physician: bool) -> bool:
    return [ck, cmas, mmt8, physician].count(True) >= 3


def inactive_2015(ck: bool, cmas: bool, mmt8: bool, physician: bool) -> bool:
    return physician and [ck, cmas, mmt8].count(True) >= 2


def worse(
    physician_2: bool,
    mmt8_20: bool,
    extramuscular_2: bool,
    physician_30: bool,
    patient_30: bool,
    mmt8_30: bool,
    chaq_30: bool,
    extramuscular_30: bool,
) -> bool:
    if physician_2 and mmt8_20:
        return True
    if extramuscular_2:
        return True
    return sum([physician_30, patient_30, mmt8_30, chaq_30, extramuscular_30]) >= 3


def fill_in(rule: Callable[..., bool], parts: tuple[Truth, ...]) -> Truth:
    """Decide a rule by trying everything that the missing parts could be."""
    answers = {
        rule(*filled)
        for filled in product(*[[part] if part is not None else [True, False] for part in parts])
    }
    return answers.pop() if len(answers) == 1 else None


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.mark.parametrize(
    ("definition_id", "rule"),
    [("inactive_disease_2013", inactive_2013), ("inactive_disease_2015", inactive_2015)],
)
def test_inactive_disease_81_combinations(
    rulebook: Rulebook, definition_id: str, rule: Callable[..., bool]
) -> None:
    combinations = list(product([True, False, None], repeat=4))
    rows = [
        {"patient_id": str(number), "measure": measure, "value": INACTIVE[measure][truth]}
        for number, truths in enumerate(combinations)
        for measure, truth in zip(INACTIVE, truths, strict=True)
        if truth is not None
    ]
    values = pl.DataFrame(rows).with_columns(date=date(2020, 1, 1), row_id=pl.lit(1, pl.Int64))
    patients = pl.DataFrame(
        {"patient_id": [str(number) for number in range(len(combinations))]}
    ).with_columns(birth_date=pl.lit(None, pl.Date))
    classified = classify_states(values, patients, rulebook)
    roots = classified.nodes.filter(
        (pl.col("node") == "root") & (pl.col("definition_id") == definition_id)
    )
    found = dict(roots.select("patient_id", "state").iter_rows())
    assert len(found) == len(combinations) == roots.height
    for number, truths in enumerate(combinations):
        assert found[str(number)] == STATES[fill_in(rule, truths)], truths


@pytest.mark.parametrize(
    ("definition_id", "names", "rule"),
    [
        ("inactive_disease_2013", list(INACTIVE), inactive_2013),
        ("inactive_disease_2015", list(INACTIVE), inactive_2015),
        (
            "confirmed_deterioration",
            [
                "physician_global_2_cm",
                "mmt8_20_percent",
                "extramuscular_global_2_cm",
                "physician_global_30_percent",
                "patient_global_30_percent",
                "mmt8_30_percent",
                "chaq_30_percent",
                "extramuscular_global_30_percent",
            ],
            worse,
        ),
    ],
)
def test_the_tree_decides_every_combination_of_leaves(
    rulebook: Rulebook, definition_id: str, names: list[str], rule: Callable[..., bool]
) -> None:
    definition = rulebook.get(definition_id, RuleDefinition)
    assert sorted(leaf.id for leaf in definition.leaves) == sorted(names)
    for truths in product([True, False, None], repeat=len(names)):
        leaves = dict(zip(names, truths, strict=True)) | {"previous_visit": True}
        assert decide_from(definition.root, leaves) is fill_in(rule, truths), leaves


# Reference 5.0 (MMT8: 70, CHAQ: 1.0); what each value makes of the leaves of its measure.
PHYSICIAN = {None: (None, None), 5.0: (False, False), 6.5: (False, True), 7.0: (True, True)}
MMT8 = {None: (None, None), 60.0: (False, False), 56.0: (True, False), 49.0: (True, True)}
PATIENT = {None: None, 6.4: False, 6.5: True}
CHAQ = {None: None, 1.25: False, 1.375: True}


def test_deterioration_of_one_visit_every_combination_of_values(rulebook: Rulebook) -> None:
    definition = rulebook.get("confirmed_deterioration", RuleDefinition)
    combinations = list(product(PHYSICIAN, MMT8, PHYSICIAN, PATIENT, CHAQ))
    names = ["physician_global", "mmt8", "extramuscular_global", "patient_global", "chaq"]
    references = [5.0, 70.0, 5.0, 5.0, 1.0]
    pairs = [
        Pair(name, reference, value, patient_id=str(number))
        for number, values in enumerate(combinations)
        for name, reference, value in zip(names, references, values, strict=True)
    ]
    changes, _ = make_frames(pairs)
    table = classify_deterioration(changes, definition).table
    found = dict(table.select("patient_id", "is_worse").iter_rows())
    assert len(found) == len(combinations) - 1, "all but the child with nothing recorded"
    for number, (physician, mmt8, extramuscular, patient, chaq) in enumerate(combinations):
        if str(number) not in found:
            continue
        physician_2, physician_30 = PHYSICIAN[physician]
        mmt8_20, mmt8_30 = MMT8[mmt8]
        extramuscular_2, extramuscular_30 = PHYSICIAN[extramuscular]
        parts = (physician_2, mmt8_20, extramuscular_2, physician_30)
        parts += (PATIENT[patient], mmt8_30, CHAQ[chaq], extramuscular_30)
        assert found[str(number)] is fill_in(worse, parts), combinations[number]


def confirm_slowly(visits: tuple[Truth, ...]) -> list[Truth]:
    """Walk through the visits; remember the last one that could be judged."""
    answers: list[Truth] = []
    before: Truth = None
    for visit in visits:
        if visit is None:
            answers.append(None)
            continue
        answers.append(visit and before is True)
        before = visit
    return answers


def test_two_consecutive_visits_every_sequence_of_five(rulebook: Rulebook) -> None:
    """A visit is worse by its extramuscular activity, or not, or has the physician global alone."""
    definition = rulebook.get("confirmed_deterioration", RuleDefinition)
    sequences = list(product([True, False, None], repeat=5))
    whole = {"physician_global": 3.0, "patient_global": 3.0, "mmt8": 70.0, "chaq": 1.0}
    pairs = []
    for number, visits in enumerate(sequences):
        for day, visit in enumerate(visits):
            place = {"patient_id": str(number), "day": 28 * (day + 1)}
            if visit is None:
                pairs.append(Pair("physician_global", 3.0, 3.0, **place))
                continue
            pairs += [Pair(name, value, value, **place) for name, value in whole.items()]
            pairs.append(Pair("extramuscular_global", 1.0, 3.0 if visit else 1.0, **place))
    changes, _ = make_frames(pairs)
    table = classify_deterioration(changes.sample(fraction=1, shuffle=True, seed=1), definition)
    for number, visits in enumerate(sequences):
        rows = table.table.filter(pl.col("patient_id") == str(number)).sort("date")
        assert rows["is_worse"].to_list() == list(visits)
        assert rows["is_confirmed"].to_list() == confirm_slowly(visits), visits
        confirmed = rows.filter(pl.col("is_confirmed"))
        assert (confirmed["confirming_date"] == confirmed["date"]).all()
        assert (confirmed["first_date"] < confirmed["date"]).all()


def test_the_first_of_the_two_dates_skips_a_visit_that_could_not_be_judged(
    rulebook: Rulebook,
) -> None:
    definition = rulebook.get("confirmed_deterioration", RuleDefinition)
    pairs = [
        Pair("extramuscular_global", 1.0, 4.0, day=10),
        Pair("physician_global", 3.0, 3.0, day=20),
        Pair("extramuscular_global", 1.0, 4.0, day=30),
    ]
    changes, _ = make_frames(pairs)
    (row,) = (
        classify_deterioration(changes, definition)
        .table.filter(pl.col("is_confirmed"))
        .iter_rows(named=True)
    )
    first = date(2020, 1, 1) + timedelta(days=10)
    assert (row["first_date"], row["confirming_date"]) == (first, first + timedelta(days=20))
