"""Why immunoglobulin was started: each reason alone, drawn day by day before the first infusion."""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.drawn_records import draw, make_shard, make_table

from heliotrope.classify.indications import classify_indications
from heliotrope.classify.replay import replay
from heliotrope.classify.trace import Classified
from heliotrope.classify.trace_rows import number_trace
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.derive.derived import derive_all
from heliotrope.records.judgement_tables import IndicationFinding
from heliotrope.records.shard import Shard

WEIGHT = {"day": -400, "measure": "weight", "value": 20.0}
LATER_WEIGHT = {"day": 400, "measure": "weight", "value": 20.0}


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def classify(shard: Shard, rulebook: Rulebook) -> Classified:
    found = classify_indications(derive_all(shard, rulebook, 28), rulebook)
    IndicationFinding.validate(found.table)
    return found


def state_of(found: Classified, node: str) -> str:
    (row,) = found.nodes.filter(pl.col("node") == node).to_dicts()
    return str(row["state"])


def make_measures(text: object) -> list[dict[str, object]]:
    """Read "day:measure:value" words."""
    words = [word.split(":") for word in str(text or "").split()]
    return [{"day": int(day), "measure": name, "value": float(value)} for day, name, value in words]


def make_child(
    measures: object = None, medication: pl.DataFrame | None = None, **columns: object
) -> Shard:
    return make_shard(
        infusion=draw("infusion", "day | dose\n0 | 40"),
        assessment=make_table("assessment", [WEIGHT, LATER_WEIGHT, *make_measures(measures)]),
        medication=make_table("medication", []) if medication is None else medication,
        patient=make_table("patient", [columns]),
    )


def make_doses(text: object) -> pl.DataFrame:
    words = [word.split(":") for word in str(text).split()]
    days = [int(day) for day, dose in words if dose != "p"]
    ends = [day - 1 for day in days[1:]] + [None]
    daily = [
        {
            "drug": "prednisone",
            "route": "oral",
            "start": int(day),
            "end": end,
            "dose": float(dose),
            "dose_unit": "mg/day",
            "every_n_days": 1,
        }
        for (day, dose), end in zip([word for word in words if word[1] != "p"], ends, strict=True)
    ]
    pulses = [
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
    return make_table("medication", [*daily, *pulses])


def test_a_change_of_dose_is_no_stop(rulebook: Rulebook) -> None:
    table = draw(
        "medication",
        """
        drug         | start | end | dose
        azathioprine | -300  | -30 | 50
        azathioprine | -29   | -   | 75
    """,
    )
    found = classify(make_child(medication=table), rulebook)
    assert state_of(found, "replaces_cytotoxic_drug") == "not_met"


def test_a_child_of_whom_nothing_else_is_known_is_not_evaluable(rulebook: Rulebook) -> None:
    shard = make_shard(
        infusion=draw("infusion", "day | dose\n0 | 40"),
        patient=make_table("patient", [{"patient_id": "untreated"}]),
    )
    nodes = classify(shard, rulebook).nodes
    assert set(nodes.filter(pl.col("patient_id") == "child")["state"]) == {"not_evaluable"}
    (root,) = nodes.filter(pl.col("patient_id") == "untreated").to_dicts()
    assert (root["state"], root["reason"], root["regimen"]) == ("not_reached", "no_ivig", None)


def test_the_trace_can_be_replayed_and_a_flipped_value_changes_it(rulebook: Rulebook) -> None:
    child = make_child(
        "-50:physician_global:3 0:physician_global:5", make_doses("-300:20 -200:10"), diagnosed=-99
    )
    trace, _ = number_trace([classify(child, rulebook).nodes]).spell()
    rows = trace.to_dicts()
    root = next(row for row in rows if row["node"] == "root")
    assert root["label"] == "exacerbation"
    assert replay(rows, rulebook).agrees_with(root)
    flipped = [{**row, "value": 1.0} if row["node"] == "global_rise" else row for row in rows]
    again = replay(flipped, rulebook)
    assert again.label is None
    assert again.contradictions
