"""Adverse events attached to infusions: windows, occasions, grades and transience, by hand."""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import FIRST_ROW_ID, day_of, draw, make_shard, make_table

from heliotrope.classify.reactions import classify_reactions
from heliotrope.classify.replay import replay
from heliotrope.classify.trace import Classified, number_trace
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.derive.exposure import derive_courses, derive_infusion_days
from heliotrope.records.results import Reaction, Trace
from heliotrope.records.shard import Shard

# Infusions start at 9:00 (minute 540): course 1 on days 0 and 1, course 2 on day 28.
INFUSIONS = """
    day | dose | minute_of_day
    0   | 20   | 540
    1   | 20   | 540
    28  | 40   | 540
"""


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def classify(shard: Shard, rulebook: Rulebook) -> Classified:
    days = derive_infusion_days(shard, rulebook)
    found = classify_reactions(days, derive_courses(days, rulebook), shard, rulebook)
    Reaction.validate(found.table)
    return found


def classify_events(
    events: pl.DataFrame, rulebook: Rulebook, assessment: pl.DataFrame | None = None
) -> Classified:
    tables = {"infusion": draw("infusion", INFUSIONS), "event": events}
    return classify(
        make_shard(**tables, **({"assessment": assessment} if assessment is not None else {})),
        rulebook,
    )


# Time as minutes of the day; blank: not recorded.
WINDOWS = """
    term               | day | time | infusion | course | hours | days | window
    fever              | 0   | 600  | 0        | 1      | 1     | 0    | within_72_hours
    fever              | 0   | 480  | -        | -      | -     | -    | outside
    fever              | 1   | 480  | 0        | 1      | 23    | 1    | within_72_hours
    fever              | 1   | 540  | 1        | 1      | 0     | 0    | within_72_hours
    fever              | 4   | 540  | 1        | 1      | 72    | 3    | within_72_hours
    fever              | 4   | 541  | 1        | 1      | 72.0166667 | 3 | outside
    fever              | 4   | -    | 1        | 1      | -     | 3    | within_72_hours
    fever              | 5   | -    | 1        | 1      | -     | 4    | outside
    fever              | -3  | -    | -        | -      | -     | -    | outside
    headache           | 28  | 600  | 28       | 2      | 1     | 0    | within_1_hour
    headache           | 28  | 601  | 28       | 2      | 1.0166667 | 0 | within_24_hours
    headache           | 28  | -    | 28       | 2      | -     | 0    | within_24_hours
    headache           | 29  | -    | 28       | 2      | -     | 1    | within_24_hours
    headache           | 30  | -    | 28       | 2      | -     | 2    | within_72_hours
    their own words    | 31  | -    | 28       | 2      | -     | 3    | within_72_hours
    aseptic_meningitis | 31  | 540  | 28       | 2      | 72    | 3    | within_72_hours
    aseptic_meningitis | 31  | 541  | 28       | 2      | 72.0166667 | 3 | captured_to_day_7
    aseptic_meningitis | 35  | -    | 28       | 2      | -     | 7    | captured_to_day_7
    aseptic_meningitis | 36  | -    | 28       | 2      | -     | 8    | outside
    thrombosis         | 29  | -    | 28       | 2      | -     | 1    | within_24_hours
    thrombosis         | 42  | -    | 28       | 2      | -     | 14   | captured_to_day_14
    thrombosis         | 43  | -    | 28       | 2      | -     | 15   | outside
    haemolysis         | 38  | -    | 28       | 2      | -     | 10   | captured_to_day_10
    haemolysis         | 39  | -    | 28       | 2      | -     | 11   | outside
    proteinuria        | 35  | 1439 | 28       | 2      | 182.9833333 | 7 | to_day_7
    proteinuria        | 36  | -    | 28       | 2      | -     | 8    | outside
    -                  | 28  | -    | 28       | 2      | -     | 0    | within_24_hours
"""


@pytest.mark.parametrize(
    "case", read_rows(WINDOWS), ids=lambda row: f"{row['term']} {row['day']} {row['time']}"
)
def test_an_event_is_attached_to_the_infusion_before_it(
    case: dict[str, object], rulebook: Rulebook
) -> None:
    event = {
        "kind": "adverse_event",
        "term": case["term"],
        "day": case["day"],
        "minute_of_day": case["time"],
    }
    (found,) = classify_events(make_table("event", [event]), rulebook).table.to_dicts()
    assert day_of(found["infusion_day"]) == case["infusion"]
    assert found["course"] == case["course"]
    assert found["hours_after"] == pytest.approx(case["hours"])
    assert found["days_after"] == case["days"]
    assert found["window"] == case["window"]


OCCASIONS = """
    case                             | events                         | groups
    two signs of one occasion        | 1:fever 2:proteinuria          | 1 1
    seven days from the first        | 2:fever 9:rash                 | 1 1
    eight days from the first        | 2:fever 10:rash                | 1 2
    within seven of the second only  | 2:fever 9:rash 10:rash         | 1 1 2
    another course                   | 26:rash 28:fever               | 1 2
    before any infusion              | -9:rash 1:fever                | - 1
"""


@pytest.mark.parametrize("case", read_rows(OCCASIONS), ids=lambda row: str(row["case"]))
def test_reactions_of_one_course_near_the_first_are_one_occasion(
    case: dict[str, object], rulebook: Rulebook
) -> None:
    events = [word.split(":") for word in str(case["events"]).split()]
    table = make_table(
        "event", [{"kind": "adverse_event", "day": int(day), "term": term} for day, term in events]
    )
    groups = classify_events(table, rulebook).table["group"].to_list()
    assert " ".join("-" if group is None else str(group) for group in groups) == str(case["groups"])


# An event on day 1 with its value; assessments are "day:measure:value/limit".
GRADES = """
    case                             | term        | value | unit   | recorded | ends | assessments | grade | flags
    37.9 is no fever                 | fever       | 37.9  | degC   | -        | -    | -           | 0     | -
    38.0                             | fever       | 38.0  | degC   | -        | -    | -           | 1     | -
    39.0                             | fever       | 39.0  | degC   | -        | -    | -           | 1     | -
    39.1                             | fever       | 39.1  | degC   | -        | -    | -           | 2     | -
    40.0                             | fever       | 40.0  | degC   | -        | -    | -           | 2     | -
    40.1                             | fever       | 40.1  | degC   | -        | -    | -           | 3     | -
    40.1 to the next day             | fever       | 40.1  | degC   | -        | 2    | -           | 3     | -
    40.1 for two days                | fever       | 40.1  | degC   | -        | 3    | -           | 4     | -
    39.5 for two days                | fever       | 39.5  | degC   | -        | 3    | -           | 2     | -
    the value wins                   | fever       | 38.5  | degC   | 3        | -    | -           | 1     | grade_differs
    the same grade recorded          | fever       | 38.5  | degC   | 1        | -    | -           | 1     | -
    no value: as recorded            | fever       | -     | -      | 2        | -    | -           | 2     | -
    nothing                          | fever       | -     | -      | -        | -    | -           | -     | -
    a unit that does not grade       | fever       | 101.3 | degF   | 1        | -    | -           | 1     | -
    a temperature of the day         | fever       | -     | -      | -        | -    | 1:temperature:38.2 2:temperature:39.4 | 2 | -
    a temperature after the window   | fever       | -     | -      | -        | -    | 5:temperature:39.4 | -   | -
    dipstick 1+                      | proteinuria | 1     | none   | -        | -    | -           | 1     | -
    dipstick without a unit          | proteinuria | 1     | -      | -        | -    | -           | 1     | -
    dipstick 2+ in a child           | proteinuria | 2     | none   | -        | -    | -           | 2     | graded_by_adult_rule
    dipstick 4+                      | proteinuria | 4     | none   | -        | -    | -           | 3     | graded_by_adult_rule
    protein to creatinine 0.49       | proteinuria | 0.49  | g/g    | -        | -    | -           | -     | -
    protein to creatinine 0.5        | proteinuria | 0.5   | g/g    | -        | -    | -           | 2     | -
    protein to creatinine 1.9        | proteinuria | 1.9   | g/g    | -        | -    | -           | 2     | -
    protein to creatinine 2.0        | proteinuria | 2.0   | g/g    | -        | -    | -           | 3     | -
    the ratio overrides the dipstick | proteinuria | 1     | none   | -        | -    | 2:urine_protein_creatinine_ratio:0.7 | 2 | -
    24 hours override the dipstick   | proteinuria | 3     | none   | -        | -    | 2:urine_protein_24h:0.4/0.15 | 1 | -
    24 hours without a limit         | proteinuria | -     | -      | -        | -    | 2:urine_protein_24h:0.4 | -  | -
    24 hours, 1 g                    | proteinuria | -     | -      | -        | -    | 2:urine_protein_24h:1.0 | 2 | graded_by_adult_rule
    24 hours, 3.5 g                  | proteinuria | -     | -      | -        | -    | 2:urine_protein_24h:3.5 | 3 | graded_by_adult_rule
    24 hours under the limit         | proteinuria | -     | -      | -        | -    | 2:urine_protein_24h:0.1/0.15 | 0 | -
    headache keeps its grade         | headache    | 7     | none   | 2        | -    | -           | 2     | -
    aseptic meningitis is flagged    | aseptic_meningitis | - | -   | 3        | -    | -           | 3     | aseptic_meningitis
"""


@pytest.mark.parametrize("case", read_rows(GRADES), ids=lambda row: str(row["case"]))
def test_the_grade_of_a_reaction(case: dict[str, object], rulebook: Rulebook) -> None:
    event = {
        "kind": "adverse_event",
        "day": 1,
        "minute_of_day": 600,
        "term": case["term"],
        "value": case["value"],
        "unit": case["unit"],
        "grade": case["recorded"],
        "end": case["ends"],
    }
    found = classify_events(
        make_table("event", [event]), rulebook, read_assessments(case["assessments"])
    )
    (row,) = found.table.to_dicts()
    assert row["grade"] == case["grade"]
    assert " ".join(row["flags"]) == (case["flags"] or "")
    differs = "reaction_grade_differs" in found.findings["rule"].to_list()
    assert differs == ("grade_differs" in str(case["flags"]))


def read_assessments(cell: object) -> pl.DataFrame:
    rows = []
    for word in str(cell or "").split():
        day, measure, value = word.split(":")
        number, _, limit = value.partition("/")
        rows.append(
            {
                "day": int(day),
                "measure": measure,
                "value": float(number),
                "upper_limit": float(limit) if limit else None,
            }
        )
    return make_table("assessment", rows)


# Proteinuria on day 2 of course 1; the next course begins on day 28, thirty days end on day 32.
TRANSIENCE = """
    case                              | value | unit | ends | urine               | transient
    ended within 30 days              | 2     | none | 32   | -                   | met
    ended later                       | 2     | none | 33   | -                   | not_met
    negative in time                  | 2     | none | -    | 32:dipstick:0       | met
    negative on the day itself        | 2     | none | -    | 2:dipstick:0        | not_evaluable
    negative too late                 | 2     | none | -    | 33:dipstick:0       | not_evaluable
    still positive on day 30          | 2     | none | -    | 32:dipstick:1       | not_met
    positive before, then nothing     | 2     | none | -    | 20:dipstick:1       | not_evaluable
    negative, then positive again     | 2     | none | -    | 9:dipstick:0 40:dipstick:1 | met
    no end recorded                   | 2     | none | -    | -                   | not_evaluable
    another measure does not count    | 2     | none | -    | 9:24h:0.1/0.15      | not_evaluable
    the measure of the assessment     | -     | -    | -    | 2:24h:0.4/0.15 9:24h:0.1/0.15 | met
    without a limit of normal         | -     | -    | -    | 2:24h:1.4 9:24h:0.1 | not_evaluable
    measure unknown: any of them      | -     | -    | -    | 15:dipstick:0       | met
    ratio under its limit             | 0.7   | g/g  | -    | 9:ratio:0.1/0.2     | met
"""

MEASURES = {
    "dipstick": "urine_protein_dipstick",
    "24h": "urine_protein_24h",
    "ratio": "urine_protein_creatinine_ratio",
}


@pytest.mark.parametrize("case", read_rows(TRANSIENCE), ids=lambda row: str(row["case"]))
def test_protein_in_the_urine_is_transient_if_gone_in_time(
    case: dict[str, object], rulebook: Rulebook
) -> None:
    urine = str(case["urine"] or "")
    for short, measure in MEASURES.items():
        urine = urine.replace(f":{short}:", f":{measure}:")
    event = {
        "kind": "adverse_event",
        "day": 2,
        "term": "proteinuria",
        "value": case["value"],
        "unit": case["unit"],
        "end": case["ends"],
    }
    (row,) = classify_events(
        make_table("event", [event]), rulebook, read_assessments(urine)
    ).table.to_dicts()
    assert row["transient"] == case["transient"]


def test_whole_days_are_flagged_where_hours_would_decide(rulebook: Rulebook) -> None:
    events = draw(
        "event",
        """
        day | term        | minute_of_day
        1   | fever       | 600
        2   | fever       | -
        3   | proteinuria | -
    """,
    )
    flags = classify_events(events, rulebook).table["flags"].to_list()
    assert flags == [[], ["time_unknown"], []]


def test_the_next_course_may_come_later_than_thirty_days(rulebook: Rulebook) -> None:
    shard = make_shard(
        infusion=draw("infusion", "day | dose\n0 | 20\n60 | 20"),
        event=make_table(
            "event",
            [
                {
                    "kind": "adverse_event",
                    "day": 2,
                    "term": "proteinuria",
                    "value": 2.0,
                    "unit": "none",
                }
            ],
        ),
        assessment=read_assessments("60:urine_protein_dipstick:0"),
    )
    assert classify(shard, rulebook).table["transient"].to_list() == ["met"]


# Root of the trace, one line a child.
ROOTS = """
    patient | infusions | events      | regimen | state         | reason
    Ada     | 0         | 1:fever     | 1       | met           | -
    Ben     | 0         | 30:fever    | 1       | not_met       | no_reaction_recorded
    Cid     | 0         | -           | 1       | not_evaluable | no_event_recorded
    Dot     | -         | 1:fever     | -       | not_reached   | no_ivig
    Eve     | -         | -           | -       | not_reached   | no_ivig
"""


@pytest.mark.parametrize("case", read_rows(ROOTS), ids=lambda row: str(row["patient"]))
def test_nobody_vanishes(case: dict[str, object], rulebook: Rulebook) -> None:
    events = [word.split(":") for word in str(case["events"] or "").split()]
    shard = make_shard(
        patient=make_table("patient", [{}]),
        infusion=make_table(
            "infusion",
            [
                {"day": int(day), "route": "iv", "dose": 20.0, "dose_unit": "g"}
                for day in str(case["infusions"] if case["infusions"] is not None else "").split()
            ],
        ),
        event=make_table(
            "event",
            [{"kind": "adverse_event", "day": int(day), "term": term} for day, term in events],
        ),
    )
    nodes = classify(shard, rulebook).nodes
    (root,) = nodes.filter(pl.col("node") == "root").to_dicts()
    assert (root["regimen"], root["state"], root["reason"]) == (
        case["regimen"],
        case["state"],
        case["reason"],
    )


def test_the_trace_can_be_replayed_and_a_flipped_reaction_changes_it(rulebook: Rulebook) -> None:
    events = draw(
        "event",
        """
        day | term        | value | unit | minute_of_day
        -9  | rash        | -     | -    | -
        1   | fever       | 38.5  | degC | 600
        2   | proteinuria | 2     | none | -
        39  | headache    | -     | -    | -
    """,
    )
    trace, sources = number_trace([classify_events(events, rulebook).nodes])
    Trace.validate(trace)
    by_decision = trace.partition_by("regimen", as_dict=True, maintain_order=True)
    assert set(by_decision) == {(None,), (1,)}
    for rows in by_decision.values():
        root = rows.filter(pl.col("node") == "root").row(0, named=True)
        assert replay(rows.to_dicts(), rulebook).agrees_with(root)
    flipped = [
        {**row, "value": 99.0} if str(row["node"]).startswith("reaction") else row
        for row in by_decision[(1,)].to_dicts()
    ]
    again = replay(flipped, rulebook)
    assert again.state == "not_met"
    assert len(again.contradictions) == 2
    used = set(sources["row_id"].to_list())
    assert set(events["row_id"].to_list()) <= used
    assert FIRST_ROW_ID["infusion"] + 1 in used


def test_urine_protein_that_nobody_called_an_event_is_reported(rulebook: Rulebook) -> None:
    urine = read_assessments(
        "5:urine_protein_dipstick:2 20:urine_protein_dipstick:2 29:urine_protein_24h:0.4/0.15"
    )
    found = classify_events(make_table("event", []), rulebook, urine).findings
    assert found["rule"].unique().to_list() == ["urine_protein_without_event"]
    first = FIRST_ROW_ID["assessment"]
    assert sorted(found["row_id"].to_list()) == [first, first + 2]
