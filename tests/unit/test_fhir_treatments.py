"""Drugs of FHIR: infusions as given, periods as stated and ordered, doses never made up."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from tests.unit.fhir_resources import (
    CHILD,
    IVIG,
    WHOSE,
    dosage,
    drug,
    given,
    left_out,
    read,
    rules,
    write_bundle,
    write_lines,
)

DAILY = {"frequency": 1, "period": 1, "periodUnit": "d"}
GRAMS = {"value": 20, "unit": "g"}
START = {"authoredOn": "2016-05-01"}


def ordered(text: str, *dosages: object, **more: object) -> dict[str, object]:
    """Return an order of 1 May 2016."""
    wanted = {"intent": "order", **START, "dosageInstruction": list(dosages), **more}
    return drug("MedicationRequest", text, **wanted)


def doses(ingested) -> list[tuple[object, ...]]:
    """Return dose, unit and days between doses of each period."""
    return ingested.tables["medication"].select("dose", "dose_unit", "every_n_days").rows()


def test_what_was_given_is_an_infusion_at_the_time_of_the_ward(tmp_path: Path) -> None:
    millilitres = given(
        {"value": 200, "unit": "mL"},
        medicationCodeableConcept={**IVIG, "text": "Privigen 100 mg/mL"},
        effectivePeriod={"start": "2016-07-01T08:00:00Z", "end": "2016-07-01T12:00:00Z"},
    )
    del millilitres["effectiveDateTime"]
    ingested = read(write_lines(tmp_path, CHILD, given(GRAMS), millilitres))
    rows = ingested.tables["infusion"].select("date", "minute_of_day", "dose", "dose_unit")
    assert rows.rows() == [
        (date(2016, 6, 1), 9 * 60 + 30, 20, "g"),
        (date(2016, 7, 1), 8 * 60, 20, "g"),
    ]
    assert "dose_from_strength" in rules(ingested)


def test_two_bottles_of_one_day_are_one_infusion(tmp_path: Path) -> None:
    ingested = read(write_lines(tmp_path, CHILD, given(GRAMS), given(GRAMS)))
    assert ingested.tables["infusion"]["dose"].to_list() == [40]
    assert ingested.accounting.filter(pl.col("sheet") == "MedicationAdministration")[
        "rows_used"
    ].to_list() == [2]
    assert rules(ingested)["administrations_added"].startswith("2 administrations on 2016-06-01")


def test_a_bottle_without_a_dose_leaves_the_day_unsummed(tmp_path: Path) -> None:
    ingested = read(write_lines(tmp_path, CHILD, given(GRAMS), given(None)))
    assert ingested.tables["infusion"]["dose"].to_list() == [20, None]


def test_orders_and_statements_are_never_infusions(tmp_path: Path) -> None:
    order = ordered("x", dosage(20, "g", DAILY), medicationCodeableConcept=IVIG)
    reason = {**order, "reasonCode": [{"text": "exacerbation"}]}
    stop = drug("MedicationStatement", "IVIG", effectivePeriod={"end": "2017-01-05"})
    stop |= {"status": "stopped", "statusReason": [{"text": "planned"}]}
    stated = drug("MedicationStatement", "IVIG", effectivePeriod={"start": "2016-01-05"})
    ingested = read(write_lines(tmp_path, CHILD, order, reason, stop, stated))
    assert ingested.tables["infusion"].is_empty()
    assert {"immunoglobulin_only_ordered: 1", "immunoglobulin_only_stated: 1"} <= left_out(ingested)
    assert ingested.tables["indication"]["reason"].to_list() == ["exacerbation"]
    assert ingested.tables["event"].select("kind", "date", "term").rows() == [
        ("ivig_stopped", date(2017, 1, 5), "planned_after_response")
    ]


def test_a_vaccination_is_never_immunoglobulin(tmp_path: Path) -> None:
    vaccines = [
        {"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": text},
         "patient": {"reference": "Patient/Zoë"}}
        for text in ("MMR", "IVIG")
    ]  # fmt: skip
    ingested = read(write_lines(tmp_path, CHILD, *vaccines))
    assert left_out(ingested) == {"vaccination: 1", "vaccination_names_immunoglobulin: 1"}
    assert ingested.tables["infusion"].is_empty()


def test_a_procedure_counts_where_no_administration_stands(tmp_path: Path) -> None:
    done = [
        {"resourceType": "Procedure", "status": status, "performedDateTime": day, **WHOSE,
         "code": {"text": "Infusion of intravenous immunoglobulin (IVIG)"}}
        for day, status in (
            ("2016-06-01", "completed"), ("2016-07-01", "completed"), ("2016-08-01", "not-done"),
        )
    ]  # fmt: skip
    measured = {"resourceType": "Procedure", "status": "completed", **WHOSE,
                "performedDateTime": "2016-07-15",
                "code": {"text": "Immunoglobulin G measurement"}}  # fmt: skip
    ingested = read(write_lines(tmp_path, CHILD, given(GRAMS), *done, measured))
    rows = ingested.tables["infusion"].select("date", "dose").rows()
    assert sorted(rows) == [(date(2016, 6, 1), 20), (date(2016, 7, 1), None)]
    assert "infusion_recorded_twice: 1; not_done: 1; procedure_not_used: 1" in set(
        ingested.accounting["ignored_by_rule"].to_list()
    )


@pytest.mark.parametrize(
    ("value", "unit", "repeat", "expected"),
    [
        (20, "mg", {"frequency": 2, "period": 1, "periodUnit": "d"}, (40, "mg/day", 1)),
        (5, "mg", {"frequency": 1, "period": 12, "periodUnit": "h"}, (10, "mg/day", 1)),
        (20, "mg", {"frequency": 1, "period": 2, "periodUnit": "d"}, (20, "mg/day", 2)),
        (15, "mg", {"frequency": 1, "period": 1, "periodUnit": "wk"}, (15, "mg/week", 1)),
        (0.5, "g", DAILY, (500, "mg/day", 1)),
        (1, "mg/kg", DAILY, (1, "mg/kg/day", 1)),
        (2, "{tbl}", DAILY, (10, "mg/day", 1)),
    ],
)
def test_a_dose_and_its_timing_give_a_daily_dose(
    tmp_path: Path, value, unit, repeat, expected
) -> None:
    order = ordered("prednisone 5 MG Oral Tablet", dosage(value, unit, repeat))
    ingested = read(write_lines(tmp_path, CHILD, order))
    assert doses(ingested) == [expected]
    assert ingested.tables["medication"]["route"].to_list() == ["oral"]


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        (dosage(1, None, DAILY), "dose_without_unit"),
        (dosage(20, "mg", None), "timing_missing"),
        (dosage(20, "mg", {"frequency": 1, "period": 1, "periodUnit": "mo"}), "timing_not_read"),
        (dosage(20, "mg", {**DAILY, "frequencyMax": 3}), "timing_not_read"),
        ({**dosage(20, "mg", DAILY), "asNeededBoolean": True}, "taken_as_needed"),
        (
            {"timing": {"repeat": DAILY}, "doseAndRate": [
                {"doseRange": {"low": {"value": 5, "unit": "mg"},
                               "high": {"value": 10, "unit": "mg"}}}]},
            "dose_is_a_range",
        ),
        (None, "dosage_missing"),
    ],
)  # fmt: skip
def test_no_dose_is_made_up(tmp_path: Path, how, rule: str) -> None:
    order = ordered("prednisone 5 MG Oral Tablet", *([how] if how else []))
    ingested = read(write_lines(tmp_path, CHILD, order))
    assert doses(ingested)[0][0] is None
    assert ingested.tables["medication"]["start_date"].to_list() == [date(2016, 5, 1)]
    assert rule in rules(ingested)


def test_a_number_without_a_unit_counts_tablets_where_the_study_says_so(tmp_path: Path) -> None:
    order = ordered("predniSONE 5 MG Oral Tablet", dosage(3, None, DAILY))
    ingested = read(write_lines(tmp_path, CHILD, order), dose_without_unit="tablets")
    assert doses(ingested) == [(15, "mg/day", 1)]


def test_steps_of_a_taper_are_periods_and_two_of_one_time_are_no_dose(tmp_path: Path) -> None:
    def step(value: int, start: str, end: str) -> dict[str, object]:
        bounds = {"boundsPeriod": {"start": start, "end": end}}
        return dosage(value, "mg", {**DAILY, **bounds})

    taper = ordered("prednisone", step(40, "2016-05-01", "2016-05-14"),
                    step(20, "2016-05-15", "2016-05-28"))  # fmt: skip
    together = ordered("methotrexate", dosage(5, "mg", DAILY), dosage(10, "mg", DAILY))
    ingested = read(write_lines(tmp_path, CHILD, taper, together))
    rows = ingested.tables["medication"].filter(pl.col("drug") == "prednisone").sort("start_date")
    assert rows.select("start_date", "end_date", "dose", "is_ongoing").rows() == [
        (date(2016, 5, 1), date(2016, 5, 14), 40, False),
        (date(2016, 5, 15), date(2016, 5, 28), 20, False),
    ]
    others = ingested.tables["medication"].filter(pl.col("drug") == "methotrexate")
    assert others["dose"].to_list() == [None]
    assert "timing_not_read" in rules(ingested)


def test_proposals_drafts_and_what_was_not_taken_are_left_out(tmp_path: Path) -> None:
    orders = [
        ordered("prednisone", intent="proposal"),
        ordered("prednisone", status="draft"),
        ordered("prednisone", status="cancelled"),
        ordered("prednisone", doNotPerform=True),
        drug("MedicationStatement", "prednisone", status="not-taken"),
        drug("MedicationStatement", "prednisone", status="intended"),
    ]
    ingested = read(write_lines(tmp_path, CHILD, *orders))
    assert ingested.tables["medication"].is_empty()
    assert left_out(ingested) == {
        "not_done: 2", "not_finished: 1", "only_proposed: 1", "not_done: 1",
    }  # fmt: skip


def test_a_preparation_is_found_contained_and_by_reference(tmp_path: Path) -> None:
    strength = {"numerator": {"value": 20, "unit": "mg"}, "denominator": {"value": 1}}
    tablet = {
        "resourceType": "Medication",
        "id": "m1",
        "code": {"text": "prednisolone"},
        "ingredient": [{"strength": strength}],
    }
    inside = ordered("x", dosage(2, "tablets", DAILY), contained=[tablet],
                     medicationReference={"reference": "#m1"})  # fmt: skip
    beside = ordered("x", dosage(1, "tablets", DAILY),
                     medicationReference={"reference": "urn:uuid:m"})  # fmt: skip
    lost = ordered("x", medicationReference={"reference": "Medication/gone"})
    for order in (inside, beside, lost):
        del order["medicationCodeableConcept"]
    entries = [{"resource": item} for item in (CHILD, inside, beside, lost)]
    entries.append({"fullUrl": "urn:uuid:m", "resource": tablet})
    ingested = read(write_bundle(tmp_path, entries))
    assert sorted(doses(ingested)) == [(20, "mg/day", 1), (40, "mg/day", 1)]
    assert ingested.quarantine["medication"]["rule"].to_list() == ["broken_reference"]
    assert "Medication/gone" in ingested.quarantine["medication"]["message"][0]


def test_creams_and_specific_immunoglobulins_are_neither(tmp_path: Path) -> None:
    others = [
        ordered("Hydrocortisone 10 MG/ML Topical Cream"),
        given(GRAMS, medicationCodeableConcept={**IVIG, "text": "hepatitis B immune globulin"}),
    ]
    ingested = read(write_lines(tmp_path, CHILD, *others))
    assert ingested.tables["medication"].is_empty()
    assert ingested.tables["infusion"].is_empty()
    assert {"drug_text_not_counted: 1"} == left_out(ingested)


def test_administrations_of_a_drug_on_one_day_are_added_up(tmp_path: Path) -> None:
    pulse = {"medicationCodeableConcept": {"text": "methylprednisolone"}}
    ingested = read(
        write_lines(tmp_path, CHILD, *[given({"value": 250, "unit": "mg"}, **pulse)] * 4)
    )
    assert doses(ingested) == [(1000, "mg", 1)]


def test_drugs_routes_and_units_of_one_day_are_not_added_to_one_another(tmp_path: Path) -> None:
    pulse = {"medicationCodeableConcept": {"text": "methylprednisolone"}}
    by_mouth = {"dosage": {"dose": {"value": 16, "unit": "mg"}, "route": {"text": "Oral route"}}}
    into_vein = {"dosage": {"dose": {"value": 500, "unit": "mg"}, "route": {"text": "IV"}}}
    other = {"medicationCodeableConcept": {"text": "prednisolone"}}
    resources = [given(None, **pulse, **by_mouth), given(None, **pulse, **into_vein),
                 given(None, **other, **by_mouth), given(GRAMS)]  # fmt: skip
    ingested = read(write_lines(tmp_path, CHILD, *resources))
    assert sorted(ingested.tables["medication"].select("drug", "route", "dose").rows()) == [
        ("methylprednisolone", "iv", 500), ("methylprednisolone", "oral", 16),
        ("prednisolone", "oral", 16),
    ]  # fmt: skip
    assert ingested.tables["infusion"]["dose"].to_list() == [20]
