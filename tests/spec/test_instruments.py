"""The instruments of JDM studies: range, direction, the change that matters, how sure we are."""

from __future__ import annotations

import pytest
from tests.spec.ascii_table import read_rows

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.definitions.settings import MeasureSetting, Settings

# "%" after a change: relative to baseline. Flags: every flag that the sources of the scale carry.
INSTRUMENTS = """
    measure                | low | high | better | change | flags
    mmt8                   | 0   | 80   | high   | 15 %   | V
    mmt_total              | 0   | 260  | high   | 15 %   | C V
    cmas                   | 0   | 52   | high   | 1.5    | V
    hmc                    | 0   | 100  | high   | -      | V
    chaq                   | 0   | 3    | low    | 15 %   | V
    physician_global       | 0   | 10   | low    | 20 %   | V
    patient_global         | 0   | 10   | low    | 20 %   | V
    extramuscular_global   | 0   | 10   | low    | 20 %   | V
    muscle_global          | 0   | 10   | low    | -      | V
    disease_activity_score | 0   | 20   | low    | -      | V
    das_skin               | 0   | 9    | low    | -      | V
    das_muscle             | 0   | 11   | low    | -      | V
    das_modified           | 0   | 12   | low    | -      | V
    jdmai1                 | 0   | 40   | low    | -      | V
    jdmai2                 | 0   | 39   | low    | -      | V
    cat_activity           | 0   | 96   | low    | -      | V
    cat_damage             | 0   | 20   | low    | -      | R
    cat_bm_activity        | 0   | 17   | low    | -      | R
    cat_bm_damage          | 0   | 11   | low    | -      | R
    cdasi_activity         | 0   | 100  | low    | 4      | C R
    cdasi_damage           | 0   | 32   | low    | -      | R
    myoact                 | 0   | 1    | low    | -      | V
    mitax                  | 0   | 1    | low    | -      | R
    mdi_extent             | 0   | 38   | low    | -      | C V
    mdi_severity           | 0   | 110  | low    | -      | V
"""

CHANGES = """
    measure          | flag of the change
    mmt8             | R
    mmt_total        | R
    cmas             | V
    chaq             | R
    physician_global | V
    patient_global   | V
    cdasi_activity   | V
    creatine_kinase  | R
    aldolase         | R
    adl              | P
"""


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.fixture(scope="module")
def measures(rulebook: Rulebook) -> dict[str, Measure]:
    return measures_of(rulebook)


@pytest.mark.parametrize("row", read_rows(INSTRUMENTS), ids=lambda row: str(row["measure"]))
def test_an_instrument(row: dict[str, object], measures: dict[str, Measure]) -> None:
    measure = measures[str(row["measure"])]
    assert (measure.minimum, measure.maximum, measure.better) == (
        row["low"],
        row["high"],
        row["better"],
    )
    change = measure.important_change
    said = None if change is None else f"{change.amount:g}{' %' if change.is_percent else ''}"
    assert said == (None if row["change"] is None else str(row["change"]))
    assert " ".join(sorted({source.flag for source in measure.sources} - {"P"})) == row["flags"]


@pytest.mark.parametrize("row", read_rows(CHANGES), ids=lambda row: str(row["measure"]))
def test_how_sure_a_change_is(row: dict[str, object], measures: dict[str, Measure]) -> None:
    change = measures[str(row["measure"])].important_change
    assert change is not None
    assert change.source.flag == row["flag of the change"]


def test_published_changes_that_disagree_stand_beside_each_other(
    measures: dict[str, Measure],
) -> None:
    better, worse = measures["chaq"].other_changes
    assert (better.direction, better.amount, better.up_to) == ("improvement", 0.13, 0.188)
    assert (worse.direction, worse.amount, worse.up_to) == ("worsening", 0.125, 0.75)
    assert worse.source.flag == "C"
    change = measures["cmas"].important_change
    assert change is not None
    assert (change.amount, change.up_to) == (1.5, 3)
    assert [item.amount for item in measures["physician_global"].other_changes] == [2]


def test_other_scales_hold_only_where_a_study_declares_them(measures: dict[str, Measure]) -> None:
    tops = {
        name: [(scale.maximum, scale.source.flag) for scale in measure.other_scales]
        for name, measure in measures.items()
        if measure.other_scales
    }
    assert tops == {
        "mmt8": [(150, "R")],
        "physician_global": [(4, "V")],
        "patient_global": [(4, "V")],
        "mdi_extent": [(40, "C")],
    }
    declared = Settings(measures={"mmt8": MeasureSetting(max=150, direction="high")})
    assert measures_of(read_rulebook(declared))["mmt8"].maximum == 150


def test_what_is_unknown_has_no_range(measures: dict[str, Measure]) -> None:
    assert (measures["chq_physical"].minimum, measures["chq_physical"].maximum) == (None, None)
    assert {source.flag for source in measures["chq_physical"].sources} == {"UNKNOWN"}
    assert not measures["adl"].is_declared


def test_a_young_child_may_not_reach_the_top(measures: dict[str, Measure]) -> None:
    cautions = {
        name: [(caution.under_age_years, caution.source.flag) for caution in measure.cautions]
        for name, measure in measures.items()
        if measure.cautions
    }
    assert cautions == {
        "cmas": [(5, "V")],
        "cmas_head_lift": [(9, "V")],
        "cmas_sit_ups": [(9, "V")],
    }
