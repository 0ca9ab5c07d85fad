"""The response to IVIG, drawn child by child: onset, pattern, response, durability.

Days count from the first infusion. ``courses``: the D0s. ``globals``: visits as day:physician
global; from a baseline of 6 a visit is improved at 4.5 or less (25 % and 1 cm). A child weighs
20 kg and gets 40 g a course unless ``grams`` says otherwise.
"""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.drawn_records import make_shard, make_table

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import Rulebook, read_rulebook

INFUSION = {"route": "iv", "dose_unit": "g"}


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


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
