"""Edges of confounding, escalation and taper that simulated children rarely meet exactly."""

from __future__ import annotations

from tests.spec.drawn_records import day_of
from tests.spec.test_response_readings import Drawn, Row, draw_children, rows_of

BETTER = """
    day | measure          | value
    -1  | physician_global | 6.0
    60  | physician_global | 3.0
    """


def test_how_long_another_drug_confounds() -> None:
    """10.14: started 0 to 112 days, given 0 to 182 days before the first improved visit."""
    cases = [
        ("rituximab", 60 - 182, True),
        ("rituximab", 60 - 183, False),
        ("methotrexate", 60 - 112, True),
        ("methotrexate", 60 - 113, False),
        ("methotrexate", 61, False),
    ]
    children = {}
    for drug, start, _ in cases:
        row: Row = {"start": start, "end": start if drug == "rituximab" else 400, "drug": drug}
        given = {"medication": [{**row, "route": "iv", "dose": 15.0, "dose_unit": "mg/day"}]}
        children[f"{drug} {start}"] = Drawn(BETTER, others=given)
    evaluation = draw_children(children)
    for drug, start, is_named in cases:
        (response,) = rows_of(evaluation, "response", f"{drug} {start}")
        assert response["confounded_by"] == ([drug] if is_named else []), (drug, start)
        assert response["confounded"] is is_named, (drug, start)


def test_a_steroid_rise_holds_for_14_days() -> None:
    """6.6 d: at least 50 % and 0.2 mg/kg/day over the day before (8 mg of 20 kg: 12 mg)."""
    cases = [
        (14, 12.0, ("escalation_only", 120)),
        (13, 12.0, (None, None)),
        (14, 11.9, (None, None)),
    ]
    children = {}
    for days, dose, _ in cases:
        medication: list[Row] = [
            {"start": -20, "end": 119, "drug": "prednisone", "dose": 8.0},
            {"start": 120, "end": 119 + days, "drug": "prednisone", "dose": dose},
            {"start": 120 + days, "end": 400, "drug": "prednisone", "dose": 8.0},
        ]
        children[f"{days} {dose}"] = Drawn(BETTER, others={"medication": medication})
    evaluation = draw_children(children)
    for days, dose, found in cases:
        (row,) = rows_of(evaluation, "aggravation", f"{days} {dose}")
        assert (row["limb"], day_of(row["date"])) == found, (days, dose)


def test_escalation_confirms_one_visit_for_28_days() -> None:
    """10.19: limb a is dated on its visit; an escalation later than 28 days is limb d."""
    values = (
        BETTER
        + """60  | extramuscular_global | 1.0
        100 | extramuscular_global | 3.0
        170 | physician_global     | 5.0
        """
    )
    cases = [(128, ("a", 100)), (129, ("d", 129)), (100, ("a", 100))]
    children = {}
    for started, _ in cases:
        drug: Row = {"start": started, "end": 400, "drug": "azathioprine", "dose": 50.0}
        children[str(started)] = Drawn(values, others={"medication": [drug]})
    evaluation = draw_children(children)
    for started, found in cases:
        (row,) = rows_of(evaluation, "aggravation", str(started))
        assert (row["limb"], day_of(row["date"])) == found, started


def test_a_taper_no_faster_than_halving_in_60_days() -> None:
    """10.29: from the last day of the full dose to the first of half of it, 60 days or more."""
    last_full, cases = 20, [(80, True), (79, False)]
    children = {}
    for first_half, _ in cases:
        medication: list[Row] = [
            {"start": -20, "end": last_full, "drug": "prednisone", "dose": 20.0},
            {"start": last_full + 1, "end": first_half - 1, "drug": "prednisone", "dose": 15.0},
            {"start": first_half, "end": 300, "drug": "prednisone", "dose": 10.0},
        ]
        patient: list[Row] = [{"seen_to": 300, "diagnosed": -30}]
        others = {"medication": medication, "patient": patient}
        children[str(first_half)] = Drawn(BETTER, others=others)
    evaluation = draw_children(children)
    for first_half, is_flagged in cases:
        (response,) = rows_of(evaluation, "response", str(first_half))
        assert response["steroid_effect"] == "sparing", first_half
        assert ("within_standard_taper" in response["flags"]) is is_flagged, first_half


def test_total_muscle_testing_up_by_26() -> None:
    """10.5: tier C also takes MMT total +26; a judgement is the second item."""
    state_of = {176: "met", 175: "not_met"}
    children = {
        f"{total}": Drawn(
            f"""
            day | measure             | value   | text
            0   | mmt_total           | 150     | -
            20  | mmt_total           | {total} | -
            20  | physician_judgement | -       | improved
            """
        )
        for total in state_of
    }
    evaluation = draw_children(children)
    for total, state in state_of.items():
        (visit,) = rows_of(evaluation, "visit", f"{total}")
        assert visit["state"] == state, total


def test_the_second_day_of_a_pulse_breaks_the_window() -> None:
    """10.12: no steroid pulse inside the 91 days; the dose is low on days 1 to 91."""
    prednisone: list[Row] = [
        {"start": -20, "end": 0, "drug": "prednisone", "dose": 20.0},
        {"start": 1, "end": 91, "drug": "prednisone", "dose": 8.0},
        {"start": 92, "end": 400, "drug": "prednisone", "dose": 12.0},
    ]
    given: Row = {"drug": "methylprednisolone", "route": "iv", "dose": 600.0, "dose_unit": "mg"}
    effect_of = {91: "reduced", 92: "sparing"}
    children = {}
    for day in effect_of:
        pulse: Row = {"start": day, "end": day + 1, **given}
        children[f"{day}"] = Drawn(BETTER, others={"medication": [*prednisone, pulse]})
    evaluation = draw_children(children)
    for day, effect in effect_of.items():
        (response,) = rows_of(evaluation, "response", f"{day}")
        assert response["steroid_effect"] == effect, day
