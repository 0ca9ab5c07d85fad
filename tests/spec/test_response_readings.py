"""Readings of the response definition that a second, slow reading found to differ from its text.

Each child is the smallest in which the sentence quoted decides. Days count from the first
infusion; D0s are every 28 days unless drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.spec.ascii_table import Cell, read_rows
from tests.spec.drawn_records import make_shard, make_table

from heliotrope.classify.evaluate import Evaluation, evaluate
from heliotrope.definitions.load import read_rulebook

Row = Mapping[str, Cell]

COURSES = (0, 28, 56)
ORAL: Row = {"route": "oral", "dose_unit": "mg/day", "every_n_days": 1}


@dataclass(frozen=True)
class Drawn:
    """A child of 20 kg; ``values``: rows of day, measure, value."""

    values: str
    courses: tuple[int, ...] = COURSES
    seen_to: int = 400
    others: Mapping[str, list[Row]] = field(default_factory=dict)

    def list_rows(self) -> dict[str, list[Row]]:
        """List the rows of each table."""
        weights: list[Row] = [
            {"day": day, "measure": "weight", "value": 20.0} for day in range(-60, self.seen_to, 60)
        ]
        given: Row = {"route": "iv", "dose": 40.0, "dose_unit": "g", "premedication": "paracetamol"}
        return {
            "patient": [{"seen_to": self.seen_to}],
            "assessment": [*read_rows(self.values), *weights],
            "infusion": [{"day": day, **given} for day in self.courses],
            **self.others,
            "medication": [{**ORAL, **row} for row in self.others.get("medication", [])],
        }


def draw_children(children: Mapping[str, Drawn]) -> Evaluation:
    """Evaluate children at once: nothing of one may touch another, and one takes as long."""
    tables: dict[str, list[Row]] = {}
    for child, drawn in children.items():
        for name, rows in drawn.list_rows().items():
            tables.setdefault(name, []).extend({"patient_id": child, **row} for row in rows)
    shard = make_shard(**{name: make_table(name, rows) for name, rows in tables.items()})
    return evaluate(shard, read_rulebook())


def draw_child(
    values: str,
    courses: tuple[int, ...] = COURSES,
    seen_to: int = 400,
    others: Mapping[str, list[Row]] | None = None,
) -> Evaluation:
    """Evaluate one child."""
    return draw_children({"child": Drawn(values, courses, seen_to, others or {})})


def rows_of(evaluation: Evaluation, table: str, child: str = "child") -> list[dict[str, Any]]:
    """Return the rows of a child in a table."""
    return [row for row in evaluation.tables[table].to_dicts() if row["patient_id"] == child]


def test_a_score_between_its_bounds_is_flagged() -> None:
    """10.4: bounds on both sides of the threshold leave tier A open, reason bounds_straddle."""
    evaluation = draw_child(
        """
        day | measure          | value
        0   | physician_global | 6.0
        0   | mmt8             | 60
        30  | physician_global | 5.1
        30  | mmt8             | 64
        """
    )
    (visit,) = rows_of(evaluation, "visit")
    (score,) = [
        row for row in rows_of(evaluation, "score") if row["definition_id"] == "tis_jdm_imacs"
    ]
    (response,) = rows_of(evaluation, "response")
    assert (score["score_lower"], score["score_upper"]) == (17.5, 65.0)
    assert (visit["state"], visit["tier"]) == ("not_met", None)
    assert response["flags"] == ["bounds_straddle", "no_medication_record"]
    trace = evaluation.trace.filter(evaluation.trace["node"] == "tier_a").to_dicts()
    assert [(row["state"], row["reason"]) for row in trace] == [
        ("not_evaluable", "bounds_straddle")
    ]


def test_never_has_no_day_of_onset() -> None:
    """10.30: without an evaluable visit on days 1 to 182 onset is never, onset_by_day null."""
    evaluation = draw_child(
        """
        day | measure          | value
        0   | physician_global | 6.0
        190 | physician_global | 3.0
        """,
        courses=(0, 60, 120, 180),
    )
    (response,) = rows_of(evaluation, "response")
    assert (response["onset"], response["reason"]) == ("never", "no_visit")
    assert (response["onset_after_day"], response["onset_by_day"]) == (None, None)


def test_a_domain_is_missed_in_the_regimen_begun_for_it() -> None:
    """A domain that the indication is about: the indication of that regimen, not of another."""
    values = """
        day | measure          | value
        0   | physician_global | 6.0
        200 | physician_global | 6.0
        """
    regimen_of = {0: 1, None: 1, 200: 2, 201: 2}
    children = {}
    for day in regimen_of:
        indication: list[Row] = [{"day": day, "reason": "skin_disease"}]
        children[f"{day}"] = Drawn(values, (0, 200, 228), others={"indication": indication})
    evaluation = draw_children(children)
    for day, regimen in regimen_of.items():
        flagged = [
            row["regimen"]
            for row in rows_of(evaluation, "response", f"{day}")
            if "domain_not_measured" in row["flags"]
        ]
        assert flagged == [regimen], day


def test_a_restart_for_another_recorded_reason_is_no_escalation() -> None:
    """10.19: escalation is for activity unless another reason is recorded for that regimen."""
    values = """
        day | measure          | value
        0   | physician_global | 6.0
        60  | physician_global | 3.0
        """
    courses = (0, 28, 56, 200, 228)
    children = {"for activity": Drawn(values, courses)}
    for day in (198, 200, 210):
        reason: list[Row] = [{"day": day, "reason": "other"}]
        children[f"excused {day}"] = Drawn(values, courses, others={"indication": reason})
    evaluation = draw_children(children)
    for child in children:
        row = rows_of(evaluation, "aggravation", child)[0]
        is_excused = child.startswith("excused")
        expected = ("not_evaluable", None) if is_excused else ("met", "escalation_only")
        assert (row["state"], row["limb"]) == expected, child


def test_worse_once_and_escalated_breaks_a_low_dose_window() -> None:
    """10.29: limb a breaks the window; 10.19: one visit and an escalation within 28 days are limb a.

    The dose is low on days 1 to 92 and rises on day 93.
    """
    medication: list[Row] = [
        {"start": -20, "end": 0, "drug": "prednisone", "dose": 20.0},
        {"start": 1, "end": 92, "drug": "prednisone", "dose": 8.0},
        {"start": 93, "end": 400, "drug": "prednisone", "dose": 15.0},
    ]
    effect_of = {60: "sparing", 80: "reduced"}
    children = {
        f"{day}": Drawn(
            f"""
            day   | measure              | value
            -1    | extramuscular_global | 2.0
            {day} | extramuscular_global | 4.0
            """,
            others={"medication": medication},
        )
        for day in effect_of
    }
    evaluation = draw_children(children)
    for day, effect in effect_of.items():
        (response,) = rows_of(evaluation, "response", f"{day}")
        assert response["steroid_effect"] == effect, day


def test_an_unknown_dose_leaves_open_how_fast_it_fell() -> None:
    """10.12, 10.29: within a standard taper only if no fall was faster; unknown is not known."""
    values = "day | measure | value\n0 | physician_global | 6.0"
    is_flagged = {15.0: True, None: False}
    children = {}
    for dose in is_flagged:
        medication: list[Row] = [
            {"start": -20, "end": 20, "drug": "prednisone", "dose": 20.0},
            {"start": 21, "end": 80, "drug": "prednisone", "dose": dose},
            {"start": 81, "end": 300, "drug": "prednisone", "dose": 10.0},
        ]
        patient: list[Row] = [{"seen_to": 300, "diagnosed": -30}]
        others = {"medication": medication, "patient": patient}
        children[f"{dose}"] = Drawn(values, (0, 28, 56, 84), others=others)
    evaluation = draw_children(children)
    for dose, is_standard in is_flagged.items():
        (response,) = rows_of(evaluation, "response", f"{dose}")
        assert response["steroid_effect"] == "sparing", dose
        assert ("within_standard_taper" in response["flags"]) is is_standard, dose


def test_a_small_reference_matters_only_where_limb_a_is_asked() -> None:
    """10.18, 10.20: outside the population nothing is judged, so nothing is flagged."""
    values = """
        day | measure          | value
        0   | physician_global | 6.0
        70  | physician_global | 1.0
        120 | physician_global | 1.5
        """
    flags_of = {"planned_after_response": ["small_reference"], "inefficacy": []}
    children = {}
    for reason in flags_of:
        stopped: list[Row] = [{"day": 80, "kind": "ivig_stopped", "term": reason}]
        children[reason] = Drawn(values, others={"event": stopped})
    evaluation = draw_children(children)
    for reason, flags in flags_of.items():
        (row,) = rows_of(evaluation, "aggravation", reason)
        assert row["flags"] == flags, reason
