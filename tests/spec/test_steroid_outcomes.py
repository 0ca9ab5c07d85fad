"""Steroid-resistant, steroid-dependent, stopped: drawn doses and visits, truth tables, replay."""

from __future__ import annotations

from itertools import product

import polars as pl
import pytest
from pydantic import ValidationError
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import day_of, draw, make_shard, make_table

from heliotrope.classify.replay import replay
from heliotrope.classify.steroid_outcomes import classify_steroid_outcomes, decide_steroid
from heliotrope.classify.trace import Classified
from heliotrope.classify.trace_rows import number_trace
from heliotrope.definitions.glucocorticoid import GlucocorticoidRule
from heliotrope.definitions.indication import IvigIndication
from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.steroid import (
    SteroidConcept,
    SteroidDependenceConcept,
    SteroidDiscontinuation,
    SteroidResistance,
)
from heliotrope.derive.derived import derive_all
from heliotrope.records.judgement_tables import SteroidOutcome
from heliotrope.records.trace_tables import Trace

RULEBOOK = read_rulebook()
CONCEPTS = [item for item in RULEBOOK.definitions.values() if isinstance(item, SteroidConcept)]
STATES = {True: "met", False: "not_met", None: "not_evaluable"}

SHORT = {
    "pg": "physician_global",
    "pt": "patient_global",
    "mmt": "mmt8",
    "chaq": "chaq",
    "em": "extramuscular_global",
}


def make_doses(text: object) -> list[dict[str, object]]:
    """Read "day:mg/day" words, each dose lasting to the next; ? is unknown, p a pulse of 600 mg."""
    words = [word.split(":") for word in str(text or "").split()]
    daily = [(int(day), dose) for day, dose in words if dose != "p"]
    ends = [*(day - 1 for day, _ in daily[1:]), None][: len(daily)]
    rows: list[dict[str, object]] = [
        {
            "drug": "prednisone",
            "route": "oral",
            "start": day,
            "end": end,
            "dose": None if dose == "?" else float(dose),
            "dose_unit": "mg/day",
            "every_n_days": 1,
        }
        for (day, dose), end in zip(daily, ends, strict=True)
    ]
    return rows + [
        {
            "drug": "methylprednisolone",
            "route": "iv",
            "start": int(day),
            "end": int(day),
            "dose": 600.0,
            "dose_unit": "mg",
            "every_n_days": 1,
        }
        for day, dose in words
        if dose == "p"
    ]


def classify(
    doses: object, measures: object = None, infusions: str = "", seen_to: int = 400
) -> Classified:
    """Judge a child of 20 kg: 20 mg is 1 mg/kg."""
    values = [word.split(":") for word in str(measures or "").split()]
    weights = [
        {"day": day, "measure": "weight", "value": 20.0} for day in range(-420, seen_to + 1, 60)
    ]
    shard = make_shard(
        patient=make_table("patient", [{"seen_to": seen_to}]),
        medication=make_table("medication", make_doses(doses)),
        assessment=make_table(
            "assessment",
            [
                *weights,
                *(
                    {"day": int(day), "measure": SHORT[short], "value": float(value)}
                    for day, short, value in values
                ),
            ],
        ),
        infusion=draw(
            "infusion", "day | dose\n" + "\n".join(f"{d} | 40" for d in infusions.split())
        ),
    )
    found = classify_steroid_outcomes(derive_all(shard, RULEBOOK, 28), RULEBOOK)
    SteroidOutcome.validate(found.table)
    return found


def outcome(found: Classified, definition: str, regimen: int | None = None) -> dict[str, object]:
    is_regimen = pl.col("regimen").eq_missing(pl.lit(regimen, pl.Int32))
    (row,) = found.table.filter((pl.col("definition_id") == definition) & is_regimen).to_dicts()
    return row


def test_two_mg_per_kg_is_a_definition_of_its_own() -> None:
    found = classify("0:30", "0:pg:5 28:pg:5")
    assert outcome(found, "steroid_resistant")["state"] == "met"
    assert outcome(found, "steroid_resistant_2_mg_kg")["reason"] == "no_high_dose"
    found = classify("0:40", "0:pg:5 28:pg:5")
    assert outcome(found, "steroid_resistant_2_mg_kg")["state"] == "met"


def test_what_came_after_the_first_infusion_is_no_answer_to_the_steroid() -> None:
    """A visit on the first infusion day is before it; later ones belong to immunoglobulin."""
    measures = "0:pg:5 35:pg:5 60:pg:1"
    on_day = classify("0:20", measures, infusions="35 63")
    assert outcome(on_day, "steroid_resistant", 1)["state"] == "met"
    assert outcome(on_day, "steroid_resistant")["state"] == "met"
    assert day_of(outcome(on_day, "steroid_resistant")["judged_to"]) == 35  # type: ignore[arg-type]
    early = classify("0:20", measures, infusions="20 48")
    assert outcome(early, "steroid_resistant", 1)["reason"] == "no_high_dose"
    assert outcome(early, "steroid_resistant")["reason"] == "measures_missing"


def test_dependence_before_a_regimen_is_the_rule_of_the_indications() -> None:
    """One logic: the same parameters, and the same answer as the derived indication."""
    (indication,) = RULEBOOK.of_kind(IvigIndication)
    (concept,) = RULEBOOK.of_kind(SteroidDependenceConcept)
    assert concept.steroid == indication.steroid
    cannot = next(axis for axis in indication.axes if axis.name == "steroid_cannot_be_reduced")
    assert concept.axes[0].choices[1:] == cannot.choices
    still = classify("-380:20", infusions="0 28")
    fallen = classify("-380:20 -10:2", infusions="0 28")
    assert outcome(still, "steroid_dependent", 1)["state"] == "met"
    assert outcome(fallen, "steroid_dependent", 1)["state"] == "not_met"
    assert outcome(fallen, "steroid_dependent")["state"] == "met"


def test_off_means_the_same_as_in_the_bands() -> None:
    (concept,) = RULEBOOK.of_kind(SteroidDiscontinuation)
    assert concept.off_days == RULEBOOK.get("gc_equiv_v1", GlucocorticoidRule).off_min_days


def decide_slowly(concept: SteroidConcept, truths: dict[str, bool | None]) -> str:
    """Read the concept in words, without its table."""
    if truths["ever_steroid"] is False:
        return "not_reached"
    match concept:
        case SteroidResistance():
            if truths["high_dose_days"] is False:
                return "not_reached"
            if not truths["high_dose_days"]:
                return "not_evaluable"
            signs = [truths["score_poor"], truths["global_fall_poor"]]
            if any(signs):
                return "met"
            return "not_evaluable" if None in signs else "not_met"
        case SteroidDependenceConcept():
            if truths["failed_reductions"]:
                return "met"
            lasting = [truths["steroid_for_long"], truths["steroid_still_high"]]
            if all(lasting):
                return "met"
            is_excluded = truths["failed_reductions"] is False and False in lasting
            return "not_met" if is_excluded else "not_evaluable"
        case _:
            if truths["days_without_steroid"]:
                return "met"
            return "not_met" if truths["steroid_on_last_day"] else "not_evaluable"


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda item: item.id)
def test_every_combination_of_met_not_met_and_missing(concept: SteroidConcept) -> None:
    """3^n combinations: the table, its replay and the words must agree on each."""
    criteria = concept.criteria
    combinations = list(product([True, False, None], repeat=len(criteria)))
    rows = []
    for truths in combinations:
        row: dict[str, object] = {"patient_id": "child", "regimen": 0}
        for item, truth in zip(criteria, truths, strict=True):
            step = 1 if item.operator in (">", ">=") else -1
            row[item.name] = None if truth is None else item.threshold + (step if truth else -step)
        rows.append(row)
    schema = {"patient_id": pl.String, "regimen": pl.Int32} | {
        item.name: pl.Float64 for item in criteria
    }
    found = decide_steroid(pl.DataFrame(rows, schema=schema), concept)["state"].to_list()
    seen = set()
    for row, truths, state in zip(rows, combinations, found, strict=True):
        by_name = {item.name: truth for item, truth in zip(criteria, truths, strict=True)}
        assert state == decide_slowly(concept, by_name), by_name
        trace = [
            {
                "definition_id": concept.id,
                "node": item.name,
                "value": row[item.name],
                "state": STATES[by_name[item.name]],
            }
            for item in criteria
        ]
        again = replay(trace, RULEBOOK)
        assert (again.state, again.contradictions) == (state, ())
        seen.add(state)
    assert seen == {"met", "not_met", "not_evaluable", "not_reached"}


MUTATIONS = """
    definition        | node                 | value | state
    steroid_resistant | high_dose_days       | 27    | not_reached
    steroid_resistant | global_fall_poor     | 30    | not_evaluable
    steroid_resistant | ever_steroid         | 0     | not_reached
    steroid_dependent | steroid_still_high   | 0.2   | not_evaluable
    steroid_dependent | steroid_for_long     | 364   | not_evaluable
    steroid_stopped   | days_without_steroid | 27    | not_evaluable
"""


@pytest.mark.parametrize("case", read_rows(MUTATIONS), ids=lambda row: str(row["node"]))
def test_changing_what_decides_changes_the_class(case: dict[str, object]) -> None:
    """On a steroid for a year without improvement, then stopped; one reduction cannot be judged."""
    doses = "0:20 200:10 230:20 250:10 280:20 370:0"
    found = classify(doses, "0:pg:5 200:pg:5")
    trace, sources = number_trace([found.nodes]).spell()
    Trace.validate(trace)
    decision = trace.filter(pl.col("definition_id") == case["definition"])
    (root,) = decision.filter(pl.col("node") == "root").to_dicts()
    rows = decision.to_dicts()
    assert root["state"] == "met"
    assert replay(rows, RULEBOOK).agrees_with(root)
    value = float(str(case["value"]))
    changed = [{**row, "value": value} if row["node"] == case["node"] else row for row in rows]
    again = replay(changed, RULEBOOK)
    assert again.state == case["state"]
    assert again.contradictions
    used = sources.join(decision.filter(pl.col("node") == case["node"]), on="trace_id")
    assert used.height > 0 or case["node"] in ("ever_steroid", "steroid_for_long")


def test_every_child_and_regimen_has_its_roots() -> None:
    found = classify("0:20", infusions="50 78 300")
    roots = found.nodes.filter(pl.col("node") == "root").select("definition_id", "regimen")
    assert roots.height == roots.unique().height == 3 * 3 + 1
    assert found.table.height == roots.height


def test_a_table_with_an_unknown_state_is_refused() -> None:
    (concept,) = RULEBOOK.of_kind(SteroidDiscontinuation)
    content = concept.model_dump()
    content["axes"][0]["choices"][1]["label"] = "perhaps"
    with pytest.raises(ValidationError, match="four states"):
        SteroidDiscontinuation.model_validate(content)
