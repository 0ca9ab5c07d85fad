"""The response to IVIG, drawn child by child: onset, pattern, response, durability.

Days count from the first infusion. ``courses``: the D0s. ``globals``: visits as day:physician
global; from a baseline of 6 a visit is improved at 4.5 or less (25 % and 1 cm). A child weighs
20 kg and gets 40 g a course unless ``grams`` says otherwise.
"""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import day_of, make_shard, make_table

from heliotrope.classify.evaluate import Evaluation, evaluate
from heliotrope.definitions.load import Rulebook, read_rulebook

ONSET = """
    case                                    | courses            | globals                    | seen | onset        | after | by  | band            | pattern       | reason               | responded
    rapid, confirmed 14 days on             | 0 28 56            | 0:6 3:4 28:4 84:4          | 90   | rapid        | 0     | 3   | within_6_weeks  | rapid         | -                    | confirmed
    rapid on day 7                          | 0 28 56            | 0:6 7:4 28:4 84:4          | 90   | rapid        | 0     | 7   | within_6_weeks  | rapid         | -                    | confirmed
    day 8 may be either                     | 0 28 56            | 0:6 8:4 28:4 84:4          | 90   | ambiguous    | 0     | 8   | within_6_weeks  | ambiguous     | onset                | confirmed
    rapid, not seen again                   | 0 28 56            | 0:6 3:4                    | 90   | rapid        | 0     | 3   | within_6_weeks  | ambiguous     | unconfirmed          | unconfirmed
    rapid, gone at the next visit           | 0 28 56            | 0:6 3:4 20:6 84:6          | 90   | rapid        | 0     | 3   | within_6_weeks  | ambiguous     | unconfirmed          | unconfirmed
    rapid, next visit not, a later one is   | 0 28 56            | 0:6 3:4 20:6 84:4          | 90   | rapid        | 0     | 3   | within_6_weeks  | rapid         | -                    | unconfirmed
    rapid after the second course           | 0 28 56 84         | 0:6 28:6 31:4 60:4         | 110  | rapid        | 28    | 31  | within_6_weeks  | rapid         | -                    | confirmed
    second course, seen too early before    | 0 28 56 84         | 0:6 27:6 31:4 60:4         | 110  | intermediate | 27    | 31  | within_6_weeks  | intermediate  | -                    | confirmed
    third course does not count as rapid    | 0 28 56 84         | 0:6 56:6 59:4 90:4         | 110  | slow         | 56    | 59  | 6_to_26_weeks   | slow          | -                    | confirmed
    intermediate                            | 0 28 56            | 0:6 7:6 42:4 84:4          | 90   | intermediate | 7     | 42  | within_6_weeks  | intermediate  | -                    | confirmed
    across six weeks                        | 0 28 56            | 0:6 7:6 43:4 84:4          | 90   | ambiguous    | 7     | 43  | ambiguous       | ambiguous     | onset                | confirmed
    slow                                    | 0 28 56 84         | 0:6 42:6 80:4 100:4        | 110  | slow         | 42    | 80  | 6_to_26_weeks   | slow          | -                    | confirmed
    late                                    | 0 60 120 180       | 0:6 182:6 190:4 208:4      | 210  | late         | 182   | 190 | after_26_weeks  | late          | -                    | confirmed
    none                                    | 0 28 56            | 0:6 30:6 84:6              | 90   | never        | 84    | -   | -               | none          | -                    | no
    a late visit on day 83 is too early     | 0 28 56            | 0:6 30:6 83:6              | 90   | never        | 83    | -   | -               | not_evaluable | no_late_visit        | no
    day 85 is past the cover                | 0 28 56            | 0:6 30:6 85:6              | 90   | never        | 85    | -   | -               | not_evaluable | no_late_visit        | no
    two courses are too few                 | 0 70               | 0:6 30:6 90:6              | 99   | never        | 90    | -   | -               | not_evaluable | short_exposure       | not_evaluable
    improved only after the cover           | 0 28               | 0:6 20:6 57:4              | 90   | never        | 20    | -   | -               | not_evaluable | improved_after_cover | not_evaluable
    improved on the last day of cover       | 0 28               | 0:6 20:6 56:4              | 90   | ambiguous    | 20    | 56  | ambiguous       | ambiguous     | onset                | unconfirmed
    no visit on days 1 to 182               | 0 60 120 180       | 0:6 183:6                  | 210  | never        | 183   | -   | -               | not_evaluable | no_visit             | not_evaluable
    baseline on day -28                     | 0 28 56            | -28:6 3:4 28:4             | 90   | rapid        | 0     | 3   | within_6_weeks  | rapid         | -                    | confirmed
    baseline on day -29 is too old          | 0 28 56            | -29:6 3:4 28:4             | 90   | not_evaluable| -     | -   | -               | not_evaluable | no_baseline          | not_evaluable
    the last value before day 0 counts      | 0 28 56            | -20:9 -3:5 3:4 28:4 84:5   | 90   | never        | 84    | -   | -               | none          | -                    | no
    no room under a global of 1             | 0 28 56            | 0:0.9 3:0 84:0             | 90   | never        | 84    | -   | -               | not_evaluable | no_room              | not_evaluable
    room from a global of 1                 | 0 28 56            | 0:1 3:0 28:0 84:0          | 90   | rapid        | 0     | 3   | within_6_weeks  | rapid         | -                    | confirmed
    exactly a quarter and 1 cm              | 0 28 56            | 0:4 3:3 28:3               | 90   | rapid        | 0     | 3   | within_6_weeks  | rapid         | -                    | confirmed
    a quarter but less than 1 cm            | 0 28 56            | 0:3 3:2.1 28:2.1 84:2.1    | 90   | never        | 84    | -   | -               | none          | -                    | no
    1 cm but less than a quarter            | 0 28 56            | 0:8 3:7 28:7 84:7          | 90   | never        | 84    | -   | -               | none          | -                    | no
    first three courses only                | 0 28 56 84 112     | 0:6 14:4 42:4 70:4 98:6 126:6 | 140 | ambiguous  | 0     | 14  | within_6_weeks  | transient     | -                    | confirmed
"""

LOSS = """
    case                                    | courses            | globals                        | seen | pattern   | durability        | responded_courses
    two later courses, each seen            | 0 28 56 84         | 0:6 3:4 20:4 30:6 60:4 70:6 90:6 | 112 | rapid    | censored          | 3
    two later courses not improved          | 0 28 56 84         | 0:6 3:4 20:4 48:4 58:6 90:6    | 112  | transient | lost_on_treatment | 2
    one later course, 56 days               | 0 28 63            | 0:6 3:4 28:4 40:6 84:6         | 112  | transient | lost_on_treatment | 1
    one later course, 55 days               | 0 28 63            | 0:6 3:4 29:4 40:6 84:6         | 112  | rapid     | censored          | 2
    later courses nobody looked at          | 0 28 56 84         | 0:6 3:4 20:4                   | 112  | rapid     | censored          | 1
    an unconfirmed response is not transient| 0 28 56 84         | 0:6 3:4 40:6 60:6 90:6         | 112  | ambiguous | censored          | 1
"""

DURABILITY = """
    case                                  | courses | globals                       | stop                       | seen | durability                 | state         | reason                            | flags
    held for 180 days                     | 0 28 56 | 0:6 3:4 84:4 150:4 240:4      | -                          | 236  | sustained                  | not_met       | -                                 | -
    seen one day too short                | 0 28 56 | 0:6 3:4 84:4 150:4            | -                          | 235  | censored                   | not_evaluable | not_seen_long_enough              | -
    global up by 2 cm                     | 0 28 56 | 0:6 3:4 84:4 150:6            | -                          | 300  | lost_after_discontinuation | met           | -                                 | -
    up by 2 cm on day 180                 | 0 28 56 | 0:6 3:4 84:4 236:6            | -                          | 300  | lost_after_discontinuation | met           | -                                 | -
    up by 2 cm on day 181                 | 0 28 56 | 0:6 3:4 84:4 237:6            | -                          | 300  | sustained                  | not_met       | -                                 | -
    stopped for inefficacy                | 0 28 56 | 0:6 3:4 84:4 150:6            | inefficacy                 | 300  | censored                   | not_reached   | stopped_for_inefficacy_or_reaction| -
    stopped as planned                    | 0 28 56 | 0:6 3:4 84:4 150:6            | planned_after_response     | 300  | lost_after_discontinuation | met           | -                                 | -
    lost before it stopped                | 0 28 56 | 0:6 3:4 20:4 84:6 150:6       | -                          | 300  | lost_on_treatment          | not_reached   | not_improved_at_stop              | -
    lost before it stopped, too short     | 0 28    | 0:6 3:4 30:4 56:6 150:6       | -                          | 300  | censored                   | not_reached   | not_improved_at_stop              | lost_before_stop
    still on treatment, 91 days on        | 0 28 56 84 | 0:6 3:4 94:4               | -                          | 100  | sustained                  | not_reached   | not_stopped                       | -
    still on treatment, 90 days on        | 0 28 56 84 | 0:6 3:4 93:4               | -                          | 100  | censored                   | not_reached   | not_stopped                       | -
    never improved                        | 0 28 56 | 0:6 30:6 84:6 150:9           | -                          | 300  | not_applicable             | not_reached   | not_improved_at_stop              | -
"""

INFUSION = {"route": "iv", "dose_unit": "g"}


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def draw_child(row: dict[str, object], grams: float = 40.0) -> Evaluation:
    """Evaluate one drawn child."""
    courses = [int(day) for day in str(row["courses"]).split()]
    visits = [pair.split(":") for pair in str(row["globals"]).split()]
    assessment = [
        {"day": int(day), "measure": "physician_global", "value": float(value), "unit": "cm"}
        for day, value in visits
    ] + [{"day": day, "measure": "weight", "value": 20.0, "unit": "kg"} for day in courses]
    infusion = [
        {**INFUSION, "day": day, "dose": grams, "premedication": "paracetamol"} for day in courses
    ]
    stop = row.get("stop")
    events = [{"day": courses[-1] + 20, "kind": "ivig_stopped", "term": stop}] if stop else []
    return evaluate(
        make_shard(
            patient=make_table("patient", [{"seen_to": row["seen"]}]),
            assessment=make_table("assessment", assessment),
            infusion=make_table("infusion", infusion),
            event=make_table("event", events),
        ),
        read_rulebook(),
    )


def response_of(evaluation: Evaluation) -> dict[str, object]:
    (row,) = evaluation.tables["response"].to_dicts()
    return row


@pytest.mark.parametrize("row", read_rows(ONSET), ids=lambda row: str(row["case"]))
def test_onset_and_pattern(row: dict[str, object]) -> None:
    found = response_of(draw_child(row))
    drawn = {
        "onset": found["onset"],
        "after": found["onset_after_day"],
        "by": found["onset_by_day"],
        "band": found["onset_band"],
        "pattern": found["pattern"],
        "reason": found["reason"],
        "responded": found["responded"],
    }
    assert drawn == {name: row[name] for name in drawn}


@pytest.mark.parametrize("row", read_rows(LOSS), ids=lambda row: str(row["case"]))
def test_loss_on_treatment(row: dict[str, object]) -> None:
    found = response_of(draw_child(row))
    drawn = ("pattern", "durability", "responded_courses")
    assert {name: found[name] for name in drawn} == {name: row[name] for name in drawn}


@pytest.mark.parametrize("row", read_rows(DURABILITY), ids=lambda row: str(row["case"]))
def test_durability_and_aggravation(row: dict[str, object]) -> None:
    evaluation = draw_child(row)
    (aggravation,) = evaluation.tables["aggravation"].to_dicts()
    found = response_of(evaluation)
    assert (found["durability"], aggravation["state"], aggravation["reason"]) == (
        row["durability"],
        row["state"],
        row["reason"],
    )
    assert ("lost_before_stop" in found["flags"]) == (row["flags"] == "lost_before_stop")


def test_replacement_doses_are_described_but_not_classified() -> None:
    row = read_rows(ONSET)[0]
    found = response_of(draw_child(row, grams=15.9))
    assert (found["pattern"], found["reason"], found["courses"]) == (
        "not_evaluable",
        "replacement_dose",
        3,
    )
    assert response_of(draw_child(row, grams=16.0))["pattern"] == "rapid"


def test_the_global_rise_is_dated_and_named() -> None:
    row = next(item for item in read_rows(DURABILITY) if item["case"] == "global up by 2 cm")
    (found,) = draw_child(row).tables["aggravation"].to_dicts()
    assert (found["limb"], day_of(found["date"]), found["days_after_last_infusion"]) == (
        "b",
        150,
        94,
    )


def test_a_child_without_ivig_is_not_reached_by_an_ivig_definition(rulebook: Rulebook) -> None:
    assessment = [{"day": 0, "measure": "physician_global", "value": 5.0}]
    found = evaluate(make_shard(assessment=make_table("assessment", assessment)), rulebook)
    assert found.tables["response"].is_empty()
    roots = found.trace.filter((pl.col("node") == "root") & pl.col("date").is_null())
    states = dict(roots.select("definition_id", "state").iter_rows())
    assert states["jdm_ivig_response"] == "not_reached"
    assert states["aggravation_after_discontinuation"] == "not_reached"


def test_a_child_with_nothing_but_infusions_is_not_evaluable_everywhere(
    rulebook: Rulebook,
) -> None:
    infusion = [{**INFUSION, "day": day, "dose": 40.0} for day in (0, 28, 56)]
    found = evaluate(
        make_shard(
            patient=make_table("patient", [{"seen_to": 400}]),
            infusion=make_table("infusion", infusion),
        ),
        rulebook,
    )
    roots = found.trace.filter(
        (pl.col("node") == "root")
        & pl.col("definition_id").is_in(
            [
                "jdm_ivig_response",
                "aggravation_after_discontinuation",
                "tis_jdm_imacs",
                "tis_jdm_printo",
                "tis_adult",
                "inactive_disease_2013",
                "inactive_disease_2015",
                "confirmed_deterioration",
            ]
        )
    )
    assert dict(roots.select("definition_id", "state").iter_rows()) == dict.fromkeys(
        roots["definition_id"], "not_evaluable"
    )
    assert roots.height == 8
    (response,) = found.tables["response"].to_dicts()
    assert response["steroid_effect"] == "not_evaluable"
    assert response["durability"] == "not_applicable"
