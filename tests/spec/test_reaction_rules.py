"""What a table of cases cannot say of reactions: which cells stand behind them, and their replay."""

from __future__ import annotations

import polars as pl
import pytest
from tests.spec.drawn_records import FIRST_ROW_ID, draw, make_shard, make_table

from heliotrope.classify.reactions import classify_reactions
from heliotrope.classify.replay import replay
from heliotrope.classify.trace import Classified
from heliotrope.classify.trace_rows import number_trace
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.derive.exposure import derive_courses, derive_infusion_days
from heliotrope.records.trace_tables import Trace

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


def classify_events(
    events: pl.DataFrame, rulebook: Rulebook, assessment: pl.DataFrame | None = None
) -> Classified:
    tables = {"infusion": draw("infusion", INFUSIONS), "event": events}
    shard = make_shard(**tables, **({"assessment": assessment} if assessment is not None else {}))
    days = derive_infusion_days(shard, rulebook)
    return classify_reactions(days, derive_courses(days, rulebook), shard, rulebook)


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
    trace, sources = number_trace([classify_events(events, rulebook).nodes]).spell()
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


def test_protein_in_the_urine_that_nobody_called_an_event_names_its_cells(
    rulebook: Rulebook,
) -> None:
    urine = draw(
        "assessment",
        """
        day | measure                | value | upper_limit
        5   | urine_protein_dipstick | 2     | -
        20  | urine_protein_dipstick | 2     | -
        29  | urine_protein_24h      | 0.4   | 0.15
    """,
    )
    found = classify_events(make_table("event", []), rulebook, urine).findings
    assert found["rule"].unique().to_list() == ["urine_protein_without_event"]
    first = FIRST_ROW_ID["assessment"]
    assert sorted(found["row_id"].to_list()) == [first, first + 2]
