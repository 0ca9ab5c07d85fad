"""What a table of cases cannot say of forms: words, cells behind a total, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import make_shard, make_table, on_day

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.item_form import ItemForm
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.validate import check_definitions
from heliotrope.derive.derived import derive_all
from heliotrope.derive.findings import find_in_derived
from heliotrope.derive.item_scores import derive_item_scores
from heliotrope.derive.visits import derive_visit_values

CMAS_BEST = {
    "head_lift": 5,
    "leg_raise": 2,
    "leg_lift_duration": 5,
    "supine_to_prone": 3,
    "sit_ups": 6,
    "supine_to_sit": 3,
    "arm_raise": 3,
    "arm_duration": 4,
    "floor_sit": 3,
    "all_fours": 4,
    "floor_rise": 4,
    "chair_rise": 4,
    "stool_step": 3,
    "pick_up": 3,
}
MUSCLES = [
    "deltoid",
    "biceps",
    "wrist_extensors",
    "quadriceps",
    "ankle_dorsiflexors",
    "neck_flexors",
    "gluteus_medius",
    "gluteus_maximus",
]
DOMAINS = ["dressing", "arising", "eating", "walking", "hygiene", "reach", "grip", "activities"]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def record(values: Mapping[str, object], day: int = 0) -> list[dict[str, object]]:
    """Make assessment rows of one day; a list of values makes several rows."""
    return [
        {"day": day, "measure": measure, "value": float(one)}
        for measure, value in values.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    ]


def assess(*days: list[dict[str, object]]) -> pl.DataFrame:
    return make_table("assessment", [row for day in days for row in day])


def score(values: Mapping[str, object], rulebook: Rulebook) -> dict[str, object]:
    (row,) = derive_item_scores(assess(record(values)), rulebook).iter_rows(named=True)
    return row


def test_the_maxima_of_the_maneuvers_add_up_to_52(rulebook: Rulebook) -> None:
    measures = measures_of(rulebook)
    assert {name: measures[f"cmas_{name}"].maximum for name in CMAS_BEST} == CMAS_BEST
    assert sum(CMAS_BEST.values()) == 52


def test_the_findings_in_words(rulebook: Rulebook) -> None:
    full = {f"mmt8_{muscle}": 9 for muscle in MUSCLES}
    cut = {name: value for name, value in full.items() if name != "mmt8_biceps"}
    assessment = assess(
        record(full), record(full, 30), record(cut, 60), record(full | {"mmt8": 70}, 90)
    )
    derived = derive_all(make_shard(assessment=assessment), rulebook, 28)
    found = dict(find_in_derived(derived, rulebook).select("rule", "found").iter_rows())
    assert found == {
        "total_made_from_items": "mmt8 made from its items on 2 date(s), first 2020-01-01",
        "total_differs_from_items": "mmt8 70 on 2020-03-31, its items make 72",
        "form_items_missing": (
            "mmt8 on 2020-03-01: 7 of 8 items, without mmt8_biceps "
            "(every muscle has to be graded; one left out makes no total)"
        ),
    }


def test_a_study_may_ask_for_fewer_domains(rulebook: Rulebook) -> None:
    form = rulebook.get("chaq_from_domains", ItemForm)
    six = form.missing_items.model_copy(update={"least_items": 6})
    local = form.model_copy(update={"missing_items": six, "is_local": True})
    own = Rulebook({**rulebook.definitions, form.id: local}, rulebook.settings)
    found = score({f"chaq_{domain}": 1 for domain in DOMAINS[:6]}, own)
    assert (found["value"], found["outcome"]) == (1, "made")


def test_each_date_and_child_by_itself(rulebook: Rulebook) -> None:
    half = {f"cmas_{name}": top for name, top in list(CMAS_BEST.items())[:7]}
    rest = {f"cmas_{name}": top for name, top in list(CMAS_BEST.items())[7:]}
    rows = [*record(half), *record(rest, 1)]
    others = [{**row, "patient_id": "other", "day": 0} for row in record(rest)]
    scores = derive_item_scores(make_table("assessment", [*rows, *others]), rulebook)
    assert set(scores["outcome"]) == {"items_missing"}
    assert scores.height == 3


def test_the_trace_leads_to_every_item(rulebook: Rulebook) -> None:
    """A baseline and a visit of items alone: improvement and inactive disease rest on the items."""
    before = record({f"mmt8_{muscle}": 5 for muscle in MUSCLES} | {"physician_global": 6})
    after = record({f"mmt8_{muscle}": 10 for muscle in MUSCLES} | {"physician_global": 0}, 60)
    assessment = assess(before, after)
    infusion = make_table(
        "infusion",
        [{"day": day, "route": "iv", "dose": 20.0, "dose_unit": "g"} for day in (0, 28, 56)],
    )
    evaluation = evaluate(make_shard(assessment=assessment, infusion=infusion), rulebook)
    items = {
        day: set(
            assessment.filter(
                pl.col("measure").str.starts_with("mmt8_") & (pl.col("date") == on_day(day))
            )["row_id"]
        )
        for day in (0, 60)
    }

    def cells_of(definition: str, node: str) -> set[int]:
        rows = evaluation.trace.filter(definition_id=definition, node=node, date=on_day(60)).join(
            evaluation.trace_source, on="trace_id"
        )
        return set(rows["row_id"])

    assert cells_of("tis_jdm_imacs", "strength") == items[0] | items[60]
    assert cells_of("inactive_disease_2013", "mmt8") == items[60]
    assert (evaluation.trace_source["row_id"] > 0).all()
    strength = evaluation.trace.row(
        by_predicate=(pl.col("definition_id") == "tis_jdm_imacs")
        & (pl.col("node") == "strength")
        & (pl.col("date") == on_day(60)),
        named=True,
    )
    assert (strength["value"], strength["points"]) == (50, 32.5)


def test_an_item_used_by_itself_does_not_bring_the_others(rulebook: Rulebook) -> None:
    """The skin score stands for the skin; the total made from it names both parts."""
    assessment = assess(record({"das_skin": 5, "das_muscle": 6}))
    values = derive_visit_values(assessment, rulebook)
    skin, total = (
        values.filter(measure=name).row(0, named=True)
        for name in ("das_skin", "disease_activity_score")
    )
    assert skin["row_id"] > 0
    assert skin["item_row_ids"] is None
    assert total["row_id"] < 0
    assert total["item_row_ids"] == sorted(assessment["row_id"])


FAULTS = """
    what is changed         | field   | value | found
    the end of the scale    | maximum | 79    | items make 0 to 79
    the way it is scored    | scoring | mean  | items make 0 to 80
    the measure it makes    | measure | chaq  | direction of the measure
"""


@pytest.mark.parametrize("row", read_rows(FAULTS), ids=lambda row: str(row["what is changed"]))
def test_a_form_that_does_not_make_its_measure_is_a_fault(
    row: dict[str, object], rulebook: Rulebook
) -> None:
    form = rulebook.get("mmt8_from_items", ItemForm)
    wrong = form.model_copy(update={str(row["field"]): row["value"]})
    faults = check_definitions(
        Rulebook({**rulebook.definitions, form.id: wrong}, rulebook.settings)
    )
    assert {fault.definition_id for fault in faults} == {form.id}
    assert row["found"] in {fault.check for fault in faults}
