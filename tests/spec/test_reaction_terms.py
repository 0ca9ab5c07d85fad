"""The grading of reactions as data: its edition, its terms, and what contradicts itself."""

from __future__ import annotations

import polars as pl
import pytest
from pydantic import ValidationError
from tests.spec.drawn_records import draw, make_shard, make_table

from heliotrope.classify.reactions import classify_reactions
from heliotrope.classify.replay import replay
from heliotrope.classify.trace import Classified
from heliotrope.classify.trace_rows import number_trace
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.safety import GradedTerm, GradingSystem, ReactionWindows
from heliotrope.definitions.vocabulary import vocabularies_of
from heliotrope.derive.exposure import derive_courses, derive_infusion_days
from heliotrope.records.judgement_tables import Reaction

RULEBOOK = read_rulebook()
GRADING = RULEBOOK.get("ctcae_v5", GradingSystem)


def test_the_version_is_data() -> None:
    """A study that grades by another edition brings a file and names it in the windows."""
    assert (GRADING.system, GRADING.edition) == ("CTCAE", "5.0")
    windows = RULEBOOK.get("reaction_windows", ReactionWindows)
    sixth = GRADING.model_copy(update={"id": "ctcae_v6", "edition": "6.0"})
    local = windows.model_copy(update={"grading": "ctcae_v6"})
    changed = {**RULEBOOK.definitions, "ctcae_v6": sixth, "reaction_windows": local}
    found = classify_events(
        [{"day": 1, "term": "fever"}], rulebook=Rulebook(changed, RULEBOOK.settings)
    )
    assert found.table["grading"].to_list() == ["CTCAE 6.0"]


def test_every_graded_term_but_the_systems_own_is_a_word_of_the_records() -> None:
    words = {word.id for word in vocabularies_of(RULEBOOK)["event_term"].words}
    assert {term.term for term in GRADING.terms} - words == {"nervous_system_other"}


def classify_events(
    events: list[dict[str, object]],
    assessments: list[dict[str, object]] | None = None,
    rulebook: Rulebook = RULEBOOK,
) -> Classified:
    """Judge events after two infusions at 9:00, on day 0 and day 28."""
    shard = make_shard(
        infusion=draw("infusion", "day | dose | minute_of_day\n0 | 20 | 540\n28 | 20 | 540"),
        event=make_table("event", [{"kind": "adverse_event", **event} for event in events]),
        assessment=make_table("assessment", assessments or []),
    )
    days = derive_infusion_days(shard, rulebook)
    found = classify_reactions(days, derive_courses(days, rulebook), shard, rulebook)
    Reaction.validate(found.table)
    return found


def test_no_other_term_is_disputed() -> None:
    windows = RULEBOOK.get("reaction_windows", ReactionWindows)
    disputed = [item.terms for item in windows.by_term if len(item.published) > 1]
    assert disputed == [("haemolysis",)]
    for entry in windows.by_term:
        assert all(published.to_hours > published.from_hours for published in entry.published)


def test_a_changed_grade_in_the_trace_is_noticed() -> None:
    values = [
        {"day": 0, "measure": "creatinine", "value": 40.0, "upper_limit": 60.0},
        {"day": 3, "measure": "creatinine", "value": 61.0, "upper_limit": 60.0},
    ]
    found = classify_events(
        [{"day": 2, "minute_of_day": 600, "term": "creatinine_increased"}], values
    )
    trace, sources = number_trace([found.nodes]).spell()
    (root,) = trace.filter(pl.col("node") == "root").to_dicts()
    rows = trace.to_dicts()
    assert replay(rows, RULEBOOK).agrees_with(root)
    (grade,) = [row for row in rows if str(row["node"]).endswith(".grade")]
    assert (grade["value"], grade["operator"], grade["threshold"], grade["points"]) == (
        61,
        ">",
        60,
        2,
    )
    cells = sources.filter(pl.col("trace_id") == grade["trace_id"])["row_id"].to_list()
    assert len(cells) == 2
    for change in ({"value": 59.0}, {"threshold": 70.0}, {"state": "not_met"}):
        changed = [{**row, **change} if row is grade else row for row in rows]
        assert not replay(changed, RULEBOOK).agrees_with(root), change


def test_definitions_that_contradict_themselves_are_refused() -> None:
    marker = next(term for term in GRADING.terms if term.is_disease_marker).model_dump()
    fever = next(term for term in GRADING.terms if term.term == "fever").model_dump()
    with pytest.raises(ValidationError, match="not graded from a value"):
        GradedTerm.model_validate({**marker, "measures": fever["measures"]})
    content = GRADING.model_dump()
    with pytest.raises(ValidationError, match="unknown terms"):
        GradingSystem.model_validate(
            {**content, "codings": [{"term": "x", "coded_as": "y", "flag_word": "z"}]}
        )
    with pytest.raises(ValidationError, match="given twice"):
        GradingSystem.model_validate({**content, "terms": [fever, fever], "codings": []})
    creatinine = next(term for term in GRADING.terms if term.term == "creatinine_increased")
    steps = [step.model_dump() for step in creatinine.measures[0].steps]
    for change, says in (
        ({"of": None}, "a threshold, or"),
        ({"threshold": 3.0}, "a threshold, or"),
    ):
        with pytest.raises(ValidationError, match=says):
            GradedTerm.model_validate(
                {
                    **creatinine.model_dump(),
                    "measures": [
                        {**creatinine.measures[0].model_dump(), "steps": [{**steps[0], **change}]}
                    ],
                }
            )
