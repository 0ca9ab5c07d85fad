"""Why immunoglobulin was started: each reason alone, drawn day by day before the first infusion."""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import draw, make_shard, make_table

from heliotrope.classify.indications import classify_indications
from heliotrope.classify.replay import replay
from heliotrope.classify.trace import Classified, number_trace
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.derive.derived import derive_all
from heliotrope.records.results import IndicationFinding
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


# pg: physician global, em: extramuscular global.
EXACERBATIONS = """
    case                                | measures                 | global_rise   | deterioration
    up by 2 cm                          | -56:pg:3 0:pg:5          | met           | not_evaluable
    up by 1.9 cm                        | -56:pg:3 0:pg:4.9        | not_met       | not_evaluable
    a rise from the lowest              | -50:pg:6 -40:pg:3 0:pg:5 | met           | not_evaluable
    a fall from a peak                  | -50:pg:3 -40:pg:6 0:pg:4 | met           | not_evaluable
    always falling                      | -50:pg:8 -40:pg:6 0:pg:4 | not_met       | not_evaluable
    the value before is too old         | -57:pg:3 0:pg:5          | not_evaluable | not_evaluable
    after the first infusion            | -56:pg:3 1:pg:5          | not_evaluable | not_evaluable
    one value                           | 0:pg:5                   | not_evaluable | not_evaluable
    extramuscular up 2 cm, two visits   | -50:em:1 -20:em:3 0:em:3 | not_evaluable | met
    extramuscular up 2 cm, one visit    | -50:em:1 -20:em:1 0:em:3 | not_evaluable | not_evaluable
"""


@pytest.mark.parametrize("case", read_rows(EXACERBATIONS), ids=lambda row: str(row["case"]))
def test_worse_before_the_first_infusion(case: dict[str, object], rulebook: Rulebook) -> None:
    measures = str(case["measures"]).replace("pg", "physician_global")
    found = classify(make_child(measures.replace("em", "extramuscular_global")), rulebook)
    assert state_of(found, "global_rise") == case["global_rise"]
    assert state_of(found, "deterioration") == case["deterioration"]
    is_any = "met" in (case["global_rise"], case["deterioration"])
    assert ("exacerbation" in found.table["derived"].item()) == is_any


# Doses in mg/day of a child of 20 kg, as "day:dose", each lasting to the next; p is a pulse.
ESCALATIONS = """
    case                                | doses                     | state
    up by half and 0.2 mg/kg            | -300:8 -30:12             | met
    up by less than half                | -300:10 -30:14            | not_met
    up by half, under 0.2 mg/kg         | -300:6 -30:9              | not_met
    up for 13 days only                 | -300:10 -30:20 -17:10     | not_met
    up for 14 days                      | -300:10 -30:20 -16:10     | met
    57 days before                      | -300:10 -57:20            | not_met
    56 days before                      | -300:10 -56:20            | met
    the first steroid is its start      | -300:0 -30:20             | not_met
    raised within 14 days of the start  | -300:0 -30:20 -16:40      | not_met
    raised after the start              | -300:0 -50:20 -30:40      | met
    begun again                         | -300:20 -200:0 -30:20     | met
    a pulse                             | -300:10 -30:p             | met
    no medication before day 50         | -50:20                    | not_evaluable
"""


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


@pytest.mark.parametrize("case", read_rows(ESCALATIONS), ids=lambda row: str(row["case"]))
def test_steroid_escalated_before_the_first_infusion(
    case: dict[str, object], rulebook: Rulebook
) -> None:
    weights = "-310:weight:20 -200:weight:20 -90:weight:20"
    found = classify(make_child(weights, make_doses(case["doses"])), rulebook)
    assert state_of(found, "steroid_escalation") == case["state"]


DEPENDENCE = """
    case                                | doses                                     | measures                       | failed        | year    | high          | reason
    two failed reductions               | -300:20 -200:10 -150:20 -100:10 -50:20    | -201:3 -150:5 -101:3 -50:5     | met           | not_met | not_evaluable | met
    one of them without worsening       | -300:20 -200:10 -150:20 -100:10 -50:20    | -201:3 -150:5 -101:3 -50:4.9   | not_met       | not_met | not_evaluable | not_met
    no physician global                 | -300:20 -200:10 -150:20 -100:10 -50:20    | -                              | not_evaluable | not_met | not_evaluable | not_evaluable
    one reduction cannot be two         | -300:20 -200:10 -150:20                   | -                              | not_met       | not_met | not_evaluable | not_met
    the rise came after 91 days         | -300:20 -200:10 -109:20 -100:10 -50:20    | -201:3 -109:5 -101:3 -50:5     | not_met       | not_met | not_evaluable | not_met
    the rise came after 90 days         | -300:20 -200:10 -110:20 -100:10 -50:20    | -201:3 -110:5 -101:3 -50:5     | met           | not_met | not_evaluable | met
    worse only after the rise           | -300:20 -200:10 -150:20 -100:10 -50:20    | -201:3 -149:5 -101:3 -49:5     | not_evaluable | not_met | not_evaluable | not_evaluable
    a year later still over 0.2 mg/kg   | -365:20 -100:5                            | -                              | not_met       | met     | met           | met
    a year later at 0.2 mg/kg           | -365:20 -100:4                            | -                              | not_met       | met     | not_met       | not_met
    high after a year, low at the start | -380:20 -10:4                             | -                              | not_met       | met     | not_met       | not_met
    364 days                            | -364:20 -100:5                            | -                              | not_met       | not_met | not_evaluable | not_met
    never a steroid                     | -364:0                                    | -                              | not_met       | not_met | not_evaluable | not_met
"""


@pytest.mark.parametrize("case", read_rows(DEPENDENCE), ids=lambda row: str(row["case"]))
def test_a_steroid_that_cannot_be_reduced(case: dict[str, object], rulebook: Rulebook) -> None:
    globals_ = " ".join(
        word.replace(":", ":physician_global:") for word in str(case["measures"] or "").split()
    )
    weights = " ".join(f"{day}:weight:20" for day in (-380, -300, -220, -140, -60))
    found = classify(make_child(f"{globals_} {weights}", make_doses(case["doses"])), rulebook)
    assert state_of(found, "failed_reductions") == case["failed"]
    assert state_of(found, "steroid_for_long") == case["year"]
    assert state_of(found, "steroid_still_high") == case["high"]
    assert state_of(found, "steroid_cannot_be_reduced") == case["reason"]


CYTOTOXIC = """
    case                            | drug         | start | end | stop_reason  | state
    stopped 60 days before          | azathioprine | -300  | -60 | complication | met
    stopped 61 days before          | azathioprine | -300  | -61 | complication | not_met
    stopped on the day              | azathioprine | -300  | 0   | complication | met
    stopped afterwards              | azathioprine | -300  | 1   | complication | not_met
    for another reason              | azathioprine | -300  | -30 | inefficacy   | not_met
    for a reason not recorded       | azathioprine | -300  | -30 | -            | not_evaluable
    for an unknown reason           | azathioprine | -300  | -30 | unknown      | not_evaluable
    still given                     | azathioprine | -300  | -   | -            | not_met
    not a cytotoxic drug            | ciclosporin  | -300  | -30 | complication | not_met
"""


@pytest.mark.parametrize("case", read_rows(CYTOTOXIC), ids=lambda row: str(row["case"]))
def test_in_place_of_a_cytotoxic_drug(case: dict[str, object], rulebook: Rulebook) -> None:
    row = {name: case[name] for name in ("drug", "start", "end", "stop_reason")}
    table = make_table(
        "medication",
        [{**row, "dose": 50.0, "dose_unit": "mg/day", "every_n_days": 1, "route": "oral"}],
    )
    found = classify(make_child(medication=table), rulebook)
    assert state_of(found, "replaces_cytotoxic_drug") == case["state"]


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


SEVERE = """
    case                             | diagnosed | measures                 | state
    severe, 90 days from diagnosis   | -90       | 0:cmas:14                | met
    severe, 91 days                  | -91       | 0:cmas:14                | not_met
    CMAS of 15                       | -30       | 0:cmas:15 0:dysphagia:0  | not_met
    swallowing impaired              | -30       | 0:cmas:40 0:dysphagia:1  | met
    the worst value counts           | -30       | -20:cmas:10 0:cmas:20    | met
    a value too old                  | -30       | -91:cmas:10 0:dysphagia:0 | not_evaluable
    swallowing not recorded          | -30       | 0:cmas:40                | not_evaluable
    nothing recorded                 | -30       | -                        | not_evaluable
    no date of diagnosis             | -         | 0:cmas:10                | not_evaluable
    no date, not severe              | -         | 0:cmas:40 0:dysphagia:0  | not_met
"""


@pytest.mark.parametrize("case", read_rows(SEVERE), ids=lambda row: str(row["case"]))
def test_induction_in_severe_disease(case: dict[str, object], rulebook: Rulebook) -> None:
    found = classify(make_child(case["measures"], diagnosed=case["diagnosed"]), rulebook)
    assert state_of(found, "induction_in_severe_disease") == case["state"]


def test_a_sign_recorded_as_an_event_counts(rulebook: Rulebook) -> None:
    child = make_child(diagnosed=-30)
    event = make_table("event", [{"day": -10, "kind": "complication", "term": "aspiration"}])
    found = classify(Shard.from_tables({**child.tables(), "event": event}), rulebook)
    assert state_of(found, "induction_in_severe_disease") == "met"


# Two regimens, D0 on days 0 and 200; recorded reasons are "day:reason", ? without a date.
RECORDED = """
    case                        | reasons                                                    | first                                    | second
    without a date              | ?:skin_disease                                             | skin_disease                             | -
    in the order of the file    | ?:skin_disease ?:exacerbation                              | skin_disease exacerbation                | -
    dated before each           | -9:exacerbation 190:other                                  | exacerbation                             | other
    dated after the first one   | 40:exacerbation                                            | -                                        | exacerbation
    dated after everything      | 400:exacerbation                                           | -                                        | exacerbation
    written twice               | ?:other ?:other                                            | other                                    | -
"""


@pytest.mark.parametrize("case", read_rows(RECORDED), ids=lambda row: str(row["case"]))
def test_a_recorded_reason_belongs_to_a_regimen(
    case: dict[str, object], rulebook: Rulebook
) -> None:
    words = [word.split(":") for word in str(case["reasons"]).split()]
    shard = make_shard(
        infusion=draw("infusion", "day | dose\n0 | 40\n28 | 40\n200 | 40"),
        indication=make_table(
            "indication",
            [{"day": None if day == "?" else int(day), "reason": reason} for day, reason in words],
        ),
    )
    recorded = classify(shard, rulebook).table["recorded"].to_list()
    assert [" ".join(reasons) for reasons in recorded] == [
        case["first"] or "",
        case["second"] or "",
    ]


AGREEMENT = """
    recorded                  | measures                 | derived      | agree
    exacerbation              | -50:3 0:5                | exacerbation | true
    other exacerbation        | -50:3 0:5                | exacerbation | true
    replaces_cytotoxic_drug   | -50:3 0:5                | exacerbation | false
    skin_disease              | -50:3 0:5                | exacerbation | -
    -                         | -50:3 0:5                | exacerbation | -
    exacerbation              | -                        | -            | -
"""


@pytest.mark.parametrize(
    "case", read_rows(AGREEMENT), ids=lambda row: f"{row['recorded']} {row['derived']}"
)
def test_recorded_and_derived_reasons_agree(case: dict[str, object], rulebook: Rulebook) -> None:
    globals_ = str(case["measures"] or "").replace(":", ":physician_global:")
    indication = make_table(
        "indication", [{"reason": reason} for reason in str(case["recorded"] or "").split()]
    )
    shard = Shard.from_tables({**make_child(globals_).tables(), "indication": indication})
    (found,) = classify(shard, rulebook).table.to_dicts()
    assert " ".join(found["derived"]) == (case["derived"] or "")
    assert found["agree"] is case["agree"]


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
    trace, _ = number_trace([classify(child, rulebook).nodes])
    rows = trace.to_dicts()
    root = next(row for row in rows if row["node"] == "root")
    assert root["label"] == "exacerbation"
    assert replay(rows, rulebook).agrees_with(root)
    flipped = [{**row, "value": 1.0} if row["node"] == "global_rise" else row for row in rows]
    again = replay(flipped, rulebook)
    assert again.label is None
    assert again.contradictions
