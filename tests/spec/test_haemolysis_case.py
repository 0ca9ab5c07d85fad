"""The case definition of haemolysis: drawn courses, every combination of its parts, replay."""

from __future__ import annotations

from itertools import product

import polars as pl
import pytest
from pydantic import ValidationError
from tests.spec.drawn_records import draw, make_shard, make_table

from heliotrope.classify.haemolysis import classify_haemolysis, decide_cases
from heliotrope.classify.replay import replay
from heliotrope.classify.trace import Classified
from heliotrope.classify.trace_rows import number_trace
from heliotrope.definitions.haemolysis import HaemolysisCase
from heliotrope.definitions.load import read_rulebook
from heliotrope.derive.derived import derive_all
from heliotrope.records.judgement_tables import Haemolysis
from heliotrope.records.trace_tables import Trace

RULEBOOK = read_rulebook()
DEFINITION = RULEBOOK.get("haemolysis_case", HaemolysisCase)

SHORT = {
    "hb": "haemoglobin",
    "dat": "direct_antiglobulin_test",
    "retic": "reticulocytes",
    "ldh": "lactate_dehydrogenase",
    "hp": "haptoglobin",
    "bili": "bilirubin_unconjugated",
    "uhb": "urine_haemoglobin",
    "sph": "spherocytes",
}
LOWER = {"hp"}


def read_values(text: object) -> list[dict[str, object]]:
    """Read "day:measure:value/limit" words; the limit is the lower one of haptoglobin."""
    rows: list[dict[str, object]] = []
    for word in str(text or "").split():
        day, short, value = word.split(":")
        number, _, limit = value.partition("/")
        side = "lower_limit" if short in LOWER else "upper_limit"
        rows.append(
            {
                "day": int(day),
                "measure": SHORT[short],
                "value": float(number),
                side: float(limit) if limit else None,
            }
        )
    return rows


def classify(values: object, events: object = None, infusions: str = "0 1") -> Classified:
    rows = [word.split(":") for word in str(events or "").split()]
    shard = make_shard(
        patient=make_table("patient", [{}]),
        infusion=draw(
            "infusion", "day | dose\n" + "\n".join(f"{day} | 20" for day in infusions.split())
        ),
        assessment=make_table("assessment", read_values(values)),
        event=make_table(
            "event",
            [{"kind": "adverse_event", "day": int(day), "term": term} for day, term in rows],
        ),
    )
    found = classify_haemolysis(derive_all(shard, RULEBOOK, 28), RULEBOOK)
    Haemolysis.validate(found.table)
    return found


def test_each_course_has_its_own_window_up_to_the_next() -> None:
    """Day 8 is the first day of the second course and still belongs to the first."""
    found = classify("0:hb:12 8:hb:11 12:hb:9", infusions="0 8")
    rows = found.table.select("course", "haemoglobin_before", "haemoglobin_lowest").rows()
    assert rows == [(1, 12, 11), (2, 11, 9)]


def test_a_child_without_ivig_is_not_reached() -> None:
    shard = make_shard(
        patient=make_table("patient", [{}]),
        assessment=make_table("assessment", read_values("3:dat:1")),
    )
    found = classify_haemolysis(derive_all(shard, RULEBOOK, 28), RULEBOOK)
    (root,) = found.nodes.to_dicts()
    assert (root["state"], root["reason"], root["regimen"]) == ("not_reached", "no_ivig", None)
    assert replay([root], RULEBOOK).state == "not_reached"


def decide_slowly(fall: object, test: object, signs: tuple[object, ...]) -> bool | None:
    """Try every way the unknown could be: decided only if all of them agree."""
    parts = (fall, test, *signs)
    answers = set()
    for filled in product(*([part] if part is not None else [True, False] for part in parts)):
        enough = sum(1 for sign in filled[2:] if sign) >= 2
        answers.add(bool(filled[0] and filled[1] and enough))
    return answers.pop() if len(answers) == 1 else None


def test_every_combination_of_met_not_met_and_missing() -> None:
    """3^8 = 6,561 combinations against a reading that fills in what is unknown."""
    names = [
        "haemoglobin_fall",
        DEFINITION.antiglobulin.id,
        *(sign.id for sign in DEFINITION.signs),
    ]
    combinations = list(product([True, False, None], repeat=len(names)))
    assert len(combinations) == 3**8
    frame = pl.DataFrame(
        combinations, schema={f"truth:{name}": pl.Boolean for name in names}, orient="row"
    )
    found = decide_cases(frame, DEFINITION)["is_case"].to_list()
    expected = [decide_slowly(row[0], row[1], row[2:]) for row in combinations]
    assert found == expected
    assert {True, False, None} == set(expected)


def test_every_combination_replays_alike() -> None:
    """The replay is a third reading: leaf values made for each combination of five parts."""
    value_of = {True: 9.0, False: 0.0, None: None}
    names = [DEFINITION.antiglobulin.id, *(sign.id for sign in DEFINITION.signs)]
    low = {sign.id for sign in DEFINITION.signs if sign.operator == "<"}
    for truths in product([True, False, None], repeat=5):
        fall, *rest = truths
        known = dict(zip(names, [*rest, None, None, None], strict=False))
        rows = [{"definition_id": DEFINITION.id, "node": "root", "state": "?"}]
        rows.append({"node": "haemoglobin_fall", "value": value_of[fall], "state": _state(fall)})
        for name in names:
            truth = known.get(name)
            value = value_of[truth]
            if name in low and value is not None:
                value = 9.0 - value
            rows.append({"node": name, "value": value, "threshold": 5.0, "state": _state(truth)})
        again = replay(rows, RULEBOOK)
        signs = tuple(known.get(sign.id) for sign in DEFINITION.signs)
        assert again.state == _state(decide_slowly(fall, known[names[0]], signs))
        assert again.contradictions == ()


def _state(truth: object) -> str:
    return {True: "met", False: "not_met", None: "not_evaluable"}[truth]  # type: ignore[index]


@pytest.mark.parametrize(
    ("node", "change", "state"),
    [
        ("haemoglobin_fall", {"value": 0.9}, "not_met"),
        ("antiglobulin_test_positive", {"value": 0.0}, "not_met"),
        ("antiglobulin_test_positive", {"value": None}, "not_evaluable"),
        ("reticulocytes_up", {"value": 1.0}, "not_evaluable"),
        ("haptoglobin_down", {"threshold": 0.05}, "not_evaluable"),
    ],
)
def test_changing_what_decides_changes_the_class(
    node: str, change: dict[str, object], state: str
) -> None:
    found = classify("0:hb:12 3:hb:11 3:dat:1 3:retic:4/2 3:hp:0.1/0.3")
    trace, sources = number_trace([found.nodes]).spell()
    Trace.validate(trace)
    (root,) = trace.filter(pl.col("node") == "root").to_dicts()
    rows = trace.to_dicts()
    assert replay(rows, RULEBOOK).agrees_with(root)
    assert sources.height == 5
    changed = replay([{**row, **change} if row["node"] == node else row for row in rows], RULEBOOK)
    assert changed.state == state
    assert not changed.agrees_with(root)


def test_impossible_definitions_are_refused() -> None:
    content = DEFINITION.model_dump()
    with pytest.raises(ValidationError, match="can never be met"):
        HaemolysisCase.model_validate({**content, "min_signs": 7})
    with pytest.raises(ValidationError, match="name of its own"):
        HaemolysisCase.model_validate({**content, "signs": [content["signs"][0]] * 2})
    with pytest.raises(ValidationError, match="present_from"):
        HaemolysisCase.model_validate(
            {**content, "antiglobulin": {**content["antiglobulin"], "present_from": None}}
        )
