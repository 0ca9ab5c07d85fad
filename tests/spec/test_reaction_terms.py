"""The listed terms of CTCAE 5.0: codes, grades by value, codings, and disputed windows, by hand."""

from __future__ import annotations

import polars as pl
import pytest
from pydantic import ValidationError
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import draw, make_shard, make_table

from heliotrope.classify.reactions import classify_reactions
from heliotrope.classify.replay import replay
from heliotrope.classify.trace import Classified, number_trace
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.safety import GradedTerm, GradingSystem, ReactionWindows
from heliotrope.definitions.vocabulary import vocabularies_of
from heliotrope.derive.exposure import derive_courses, derive_infusion_days
from heliotrope.records.results import Reaction

RULEBOOK = read_rulebook()
GRADING = RULEBOOK.get("ctcae_v5", GradingSystem)

# The terms as the clinical definitions list them: code, and the grades that are published.
TERMS = """
    term                      | published                 | code     | grades
    fever                     | Fever                     | 10016558 | 1 2 3 4 5
    proteinuria               | Proteinuria               | 10037032 | 1 2 3
    headache                  | Headache                  | 10019211 | 1 2 3
    infusion_related_reaction | Infusion related reaction | 10051792 | 1 2 3 4 5
    allergic_reaction         | Allergic reaction         | 10001718 | 1 2 3 4 5
    anaphylaxis               | Anaphylaxis               | 10002218 | 3 4 5
    meningitis                | Meningitis                | 10027199 | 3 4 5
    meningismus               | Meningismus               | 10027198 | 1 2 3 4 5
    haemolysis                | Hemolysis                 | 10019491 | 1 2 3 4 5
    thrombosis                | Thromboembolic event      | 10043565 | 1 2 3 4 5
    acute_kidney_injury       | Acute kidney injury       | 10069339 | 3 4 5
    creatinine_increased      | Creatinine increased      | 10011368 | 1 2 3 4
    nausea                    | Nausea                    | 10028813 | 1 2 3
    vomiting                  | Vomiting                  | 10047700 | 1 2 3 4 5
    urticaria                 | Urticaria                 | 10046735 | 1 2 3
    chills                    | Chills                    | 10008531 | 1 2 3
    creatine_kinase_increased | CPK increased             | 10011268 | 1 2 3 4
"""


@pytest.mark.parametrize("row", read_rows(TERMS), ids=lambda row: str(row["term"]))
def test_a_term_has_its_code_and_its_grades(row: dict[str, object]) -> None:
    (term,) = [item for item in GRADING.terms if item.term == row["term"]]
    assert (term.published_term, term.code) == (row["published"], str(row["code"]))
    assert " ".join(map(str, term.grades)) == str(row["grades"])


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


def read_values(text: object) -> list[dict[str, object]]:
    """Read "day:measure:value/upper limit" words."""
    rows: list[dict[str, object]] = []
    for word in str(text or "").split():
        day, measure, value = word.split(":")
        number, _, limit = value.partition("/")
        upper = float(limit) if limit else None
        rows.append(
            {"day": int(day), "measure": measure, "value": float(number), "upper_limit": upper}
        )
    return rows


# Creatinine in umol/L (cr), haemoglobin in g/dL (hb), creatine kinase (ck); the event is on day 2.
GRADES = """
    case                                 | term                      | recorded | values                | grade | flags
    creatinine at its limit              | creatinine_increased      | -        | 0:cr:50/60 3:cr:60/60 | 0     | -
    over its limit                       | creatinine_increased      | -        | 0:cr:50/60 3:cr:61/60 | 1     | -
    1.5 times the limit and the baseline | creatinine_increased      | -        | 0:cr:60/60 3:cr:90/60 | 1     | -
    over 1.5 times the baseline alone    | creatinine_increased      | -        | 0:cr:40/60 3:cr:61/60 | 2     | -
    over 1.5 times the baseline, normal  | creatinine_increased      | -        | 0:cr:20/60 3:cr:31/60 | 2     | -
    over 1.5 times the limit             | creatinine_increased      | -        | 0:cr:80/60 3:cr:91/60 | 2     | -
    three times both                     | creatinine_increased      | -        | 0:cr:60/60 3:cr:180/60 | 2    | -
    over three times the baseline        | creatinine_increased      | -        | 0:cr:20/60 3:cr:61/60 | 3     | -
    over three times the limit           | creatinine_increased      | -        | 0:cr:90/60 3:cr:181/60 | 3    | -
    six times the limit                  | creatinine_increased      | -        | 0:cr:200/60 3:cr:360/60 | 3   | -
    over six times the limit             | creatinine_increased      | -        | 0:cr:200/60 3:cr:361/60 | 4   | -
    no baseline, no rise over the limit  | creatinine_increased      | -        | 3:cr:50/60            | -     | -
    no baseline, over the limit          | creatinine_increased      | -        | 3:cr:70/60            | 1     | reference_missing
    no limit, over the baseline          | creatinine_increased      | -        | 0:cr:40 3:cr:61       | 2     | reference_missing
    no limit, a higher recorded grade    | creatinine_increased      | 3        | 0:cr:40 3:cr:61       | 3     | reference_missing
    no limit, a lower recorded grade     | creatinine_increased      | 1        | 0:cr:40 3:cr:61       | 2     | grade_differs reference_missing
    a baseline 28 days old               | creatinine_increased      | -        | -28:cr:40/60 3:cr:61/60 | 2   | -
    a baseline 29 days old               | creatinine_increased      | -        | -29:cr:40/60 3:cr:61/60 | 1   | reference_missing
    the last of two baselines            | creatinine_increased      | -        | -9:cr:20/60 0:cr:40/60 3:cr:61/60 | 2 | -
    measured before the event            | creatinine_increased      | 1        | 0:cr:40/60 1:cr:61/60 | 1     | -
    haemoglobin down 2.0                 | haemolysis                | -        | 0:hb:12 4:hb:10       | 2     | -
    haemoglobin down 1.9                 | haemolysis                | 1        | 0:hb:12 4:hb:10.1     | 1     | -
    down by 2, transfused                | haemolysis                | 3        | 0:hb:12 4:hb:9        | 3     | -
    down by 2, recorded lower            | haemolysis                | 1        | 0:hb:12 4:hb:9        | 2     | grade_differs
    the lowest within 10 days            | haemolysis                | -        | 0:hb:12 4:hb:11 10:hb:10 11:hb:9 | 2 | -
    the lowest after day 10              | haemolysis                | -        | 0:hb:12 4:hb:11 11:hb:9 | -   | -
    no haemoglobin before                | haemolysis                | -        | 4:hb:7                | -     | -
    creatine kinase is never graded      | creatine_kinase_increased | -        | 0:ck:100/150 3:ck:9000/150 | - | disease_marker
    creatine kinase as recorded          | creatine_kinase_increased | 4        | 3:ck:9000/150         | 4     | disease_marker
    no such grade of anaphylaxis         | anaphylaxis               | 2        | -                     | 2     | grade_not_published
    the lowest grade of anaphylaxis      | anaphylaxis               | 3        | -                     | 3     | -
    no such grade of headache            | headache                  | 4        | -                     | 4     | grade_not_published
    grade 0 is no grade                  | headache                  | 0        | -                     | 0     | -
    a term of their own                  | itching                   | 2        | -                     | 2     | -
"""

SHORT = {"cr": "creatinine", "hb": "haemoglobin", "ck": "creatine_kinase"}


@pytest.mark.parametrize("case", read_rows(GRADES), ids=lambda row: str(row["case"]))
def test_the_grade_that_a_value_shows(case: dict[str, object]) -> None:
    event = {"day": 2, "minute_of_day": 600, "term": case["term"], "grade": case["recorded"]}
    values = read_values(case["values"])
    for value in values:
        value["measure"] = SHORT[str(value["measure"])]
    (row,) = classify_events([event], values).table.to_dicts()
    assert row["grade"] == case["grade"]
    assert " ".join(row["flags"]) == (case["flags"] or "")


# The event is on day 28 at 10:00 (an hour after the infusion) unless said.
CODINGS = """
    case                               | day | term               | grade | coded                     | code     | flags
    an allergic reaction to an infusion | 28 | allergic_reaction  | 2     | infusion_related_reaction | 10051792 | coded_as_infusion_reaction
    an allergic reaction of its own    | 20  | allergic_reaction  | 2     | allergic_reaction         | 10001718 | -
    before any infusion                | -9  | allergic_reaction  | 2     | allergic_reaction         | 10001718 | -
    an infusion reaction               | 28  | infusion_related_reaction | 1 | infusion_related_reaction | 10051792 | -
    aseptic meningitis, grade 3        | 29  | aseptic_meningitis | 3     | meningitis                | 10027199 | aseptic_meningitis
    aseptic meningitis, grade 2        | 29  | aseptic_meningitis | 2     | nervous_system_other      | -        | aseptic_meningitis
    aseptic meningitis, no grade       | 29  | aseptic_meningitis | -     | nervous_system_other      | -        | aseptic_meningitis
    meningitis of grade 2 is none      | 29  | meningitis         | 2     | meningitis                | 10027199 | grade_not_published
    meningismus                        | 29  | meningismus        | 2     | meningismus               | 10027198 | -
    a venous clot                      | 29  | thrombosis         | 2     | thrombosis                | 10043565 | -
    an arterial clot                   | 29  | arterial_thromboembolism | 3 | arterial_thromboembolism | -       | -
    their own words                    | 28  | odd feeling        | 1     | -                         | -        | -
"""


@pytest.mark.parametrize("case", read_rows(CODINGS), ids=lambda row: str(row["case"]))
def test_the_term_a_reaction_is_filed_under(case: dict[str, object]) -> None:
    event = {"day": case["day"], "minute_of_day": 600, "term": case["term"], "grade": case["grade"]}
    (row,) = classify_events([event]).table.to_dicts()
    code = None if case["code"] is None else str(case["code"])
    assert (row["term"], row["coded_term"], row["meddra_code"]) == (
        case["term"],
        case["coded"],
        code,
    )
    assert " ".join(row["flags"]) == (case["flags"] or "")


# Haemolysis after the infusion of day 0, 9:00. One text: during to 3 days; another: 12 h to 10 days.
DISPUTES = """
    day | time | window             | disputed
    0   | 600  | within_72_hours    | true
    0   | 1259 | within_72_hours    | true
    0   | 1260 | within_72_hours    | false
    3   | 540  | within_72_hours    | false
    3   | 541  | captured_to_day_10 | true
    10  | 540  | captured_to_day_10 | true
    0   | -    | within_72_hours    | true
    1   | -    | within_72_hours    | false
    3   | -    | within_72_hours    | false
    4   | -    | captured_to_day_10 | true
    10  | -    | captured_to_day_10 | true
    11  | -    | outside            | false
"""


@pytest.mark.parametrize("case", read_rows(DISPUTES), ids=lambda row: f"{row['day']} {row['time']}")
def test_where_texts_disagree_the_window_is_flagged(case: dict[str, object]) -> None:
    event = {"day": case["day"], "minute_of_day": case["time"], "term": "haemolysis"}
    (row,) = classify_events([event]).table.to_dicts()
    assert row["window"] == case["window"]
    assert ("window_disputed" in row["flags"]) == case["disputed"]


def test_no_other_term_is_disputed() -> None:
    windows = RULEBOOK.get("reaction_windows", ReactionWindows)
    disputed = [item.terms for item in windows.by_term if len(item.published) > 1]
    assert disputed == [("haemolysis",)]
    for entry in windows.by_term:
        assert all(published.to_hours > published.from_hours for published in entry.published)


WIDEST = """
    term                     | last day inside
    flu_like_symptoms        | 3
    fever                    | 3
    arterial_thromboembolism | 14
    thrombosis               | 14
    aseptic_meningitis       | 7
    acute_kidney_injury      | 7
    creatinine_increased     | 7
    proteinuria              | 7
    haemolysis               | 10
    chills                   | 3
    nausea                   | 3
"""


@pytest.mark.parametrize("case", read_rows(WIDEST), ids=lambda row: str(row["term"]))
def test_the_last_day_of_a_window(case: dict[str, object]) -> None:
    last = int(str(case["last day inside"]))
    events = [{"day": last, "term": case["term"]}, {"day": last + 1, "term": case["term"]}]
    windows = classify_events(events).table["window"].to_list()
    assert windows[0] != "outside"
    assert windows[1] == "outside"


def test_a_changed_grade_in_the_trace_is_noticed() -> None:
    values = [
        {"day": 0, "measure": "creatinine", "value": 40.0, "upper_limit": 60.0},
        {"day": 3, "measure": "creatinine", "value": 61.0, "upper_limit": 60.0},
    ]
    found = classify_events(
        [{"day": 2, "minute_of_day": 600, "term": "creatinine_increased"}], values
    )
    trace, sources = number_trace([found.nodes])
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
