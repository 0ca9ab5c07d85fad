"""Forms scored from their items: sums, means, aids, missing items, totals that were recorded."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.drawn_records import make_shard, make_table, on_day

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.item_form import ItemForm, forms_of
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.settings import MeasureSetting, Settings
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
ORGANS = ["constitutional", "cutaneous", "skeletal", "gastrointestinal", "pulmonary", "cardiac"]


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


# The forms, and what they make when every item is at its best and at its worst.
FORMS = """
    form                 | measure                | items | least | scoring | all at 0 | all at the top
    chaq_from_domains    | chaq                   | 8     | 8     | mean    | 0        | 3
    cmas_from_items      | cmas                   | 14    | 14    | sum     | 0        | 52
    das_from_parts       | disease_activity_score | 2     | 2     | sum     | 0        | 20
    mmt8_from_items      | mmt8                   | 8     | 8     | sum     | 0        | 80
    mmt_total_from_parts | mmt_total              | 3     | 3     | sum     | 0        | 260
    myoact_from_items    | myoact                 | 6     | 1     | share   | 0        | 1
"""


def test_the_forms_are_all_specified_here(rulebook: Rulebook) -> None:
    assert {form.id for form in forms_of(rulebook)} == {row["form"] for row in read_rows(FORMS)}


@pytest.mark.parametrize("row", read_rows(FORMS), ids=lambda row: str(row["form"]))
def test_a_form_reaches_both_ends_of_its_measure(
    row: dict[str, object], rulebook: Rulebook
) -> None:
    form = rulebook.get(str(row["form"]), ItemForm)
    measures = measures_of(rulebook)
    assert (form.measure, form.scoring) == (row["measure"], row["scoring"])
    assert (len(form.items), form.missing_items.least_items) == (row["items"], row["least"])
    assert form.maximum == measures[form.measure].maximum == row["all at the top"]
    for value, end in (("minimum", "all at 0"), ("maximum", "all at the top")):
        items = {item.measure: getattr(measures[item.measure], value) for item in form.items}
        found = score(items, rulebook)
        assert (found["value"], found["outcome"]) == (row[end], "made")
    for item in form.items:
        assert measures[item.measure].better == measures[form.measure].better


def test_the_maxima_of_the_maneuvers_add_up_to_52(rulebook: Rulebook) -> None:
    measures = measures_of(rulebook)
    assert {name: measures[f"cmas_{name}"].maximum for name in CMAS_BEST} == CMAS_BEST
    assert sum(CMAS_BEST.values()) == 52


# A blank is an item not answered; "a" after a number: an aid was used there; several numbers: the
# items of the domain.
CHAQ = """
    what is seen                         | dressing | arising | eating | walking | hygiene | reach | grip | activities | chaq  | outcome
    nothing hard                         | 0        | 0       | 0      | 0       | 0       | 0     | 0    | 0          | 0     | made
    one domain by 1: a step of 0.125     | 1        | 0       | 0      | 0       | 0       | 0     | 0    | 0          | 0.125 | made
    the worst item of a domain           | 0 2 1    | 0       | 0      | 0       | 0       | 0     | 0    | 0          | 0.25  | made
    an aid raises 0 to 2                 | 0a       | 0       | 0      | 0       | 0       | 0     | 0    | 0          | 0.25  | made
    an aid raises 1 to 2                 | 1a       | 0       | 0      | 0       | 0       | 0     | 0    | 0          | 0.25  | made
    an aid leaves 3                      | 3a       | 0       | 0      | 0       | 0       | 0     | 0    | 0          | 0.375 | made
    the worst item, then the aid         | 0 1a     | 1       | 1      | 1       | 1       | 1     | 1    | 1          | 1.125 | made
    all at the worst                     | 3        | 3       | 3      | 3       | 3       | 3     | 3    | 3          | 3     | made
    one domain not answered              | -        | 3       | 3      | 3       | 3       | 3     | 3    | 3          | -     | items_missing
    an aid answers nothing               | a        | 3       | 3      | 3       | 3       | 3     | 3    | 3          | -     | items_missing
"""


@pytest.mark.parametrize("row", read_rows(CHAQ), ids=lambda row: str(row["what is seen"]))
def test_chaq_from_its_domains(row: dict[str, object], rulebook: Rulebook) -> None:
    values: dict[str, object] = {}
    for domain in DOMAINS:
        drawn = "" if row[domain] is None else str(row[domain])
        values[f"chaq_{domain}"] = [int(word) for word in drawn.rstrip("a").split()]
        values[f"chaq_{domain}_aid"] = 1 if drawn.endswith("a") else 0
    found = score(values, rulebook)
    assert (found["value"], found["outcome"]) == (row["chaq"], row["outcome"])


MYOACT = """
    constitutional | cutaneous | skeletal | gastrointestinal | pulmonary | cardiac | myoact | missing
    2              | 4         | 0        | 0                | 0         | 0       | 0.1    | 0
    2              | 4         | 0        | -                | -         | -       | 0.2    | 3
    -              | 5         | -        | -                | -         | -       | 0.5    | 5
"""


@pytest.mark.parametrize("row", read_rows(MYOACT))
def test_organs_not_assessed_leave_the_denominator(
    row: dict[str, object], rulebook: Rulebook
) -> None:
    found = score({f"myoact_{organ}": row[organ] for organ in ORGANS}, rulebook)
    assert (found["value"], len(found["missing"])) == (row["myoact"], row["missing"])  # type: ignore[arg-type]


TOTALS = """
    case                               | items | left out | recorded | outcome       | counts | rule
    no total recorded                  | 9     | -        | -        | made          | 72     | total_made_from_items
    the same total recorded            | 9     | -        | 72       | recorded      | 72     | -
    another total recorded             | 9     | -        | 70       | differs       | 70     | total_differs_from_items
    a muscle left out                  | 9     | biceps   | -        | items_missing | -      | form_items_missing
    a muscle left out, total recorded  | 9     | biceps   | 70       | recorded      | 70     | -
"""


@pytest.mark.parametrize("row", read_rows(TOTALS), ids=lambda row: str(row["case"]))
def test_a_recorded_total_counts_before_its_items(
    row: dict[str, object], rulebook: Rulebook
) -> None:
    values = {f"mmt8_{muscle}": row["items"] for muscle in MUSCLES if muscle != row["left out"]}
    assessment = assess(record({**values, "mmt8": row["recorded"]}))
    (found,) = derive_item_scores(assessment, rulebook).iter_rows(named=True)
    assert found["outcome"] == row["outcome"]
    visits = derive_visit_values(assessment, rulebook).filter(measure="mmt8")
    assert visits["value"].to_list() == ([] if row["counts"] is None else [row["counts"]])
    derived = derive_all(make_shard(assessment=assessment), rulebook, 28)
    findings = find_in_derived(derived, rulebook)
    assert findings["rule"].to_list() == ([] if row["rule"] is None else [row["rule"]])


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


def test_a_rounded_index_is_no_contradiction(rulebook: Rulebook) -> None:
    values = {f"chaq_{domain}": 1 for domain in DOMAINS} | {"chaq_grip": 2}
    assert score({**values, "chaq": 1.13}, rulebook)["outcome"] == "recorded"
    assert score({**values, "chaq": 1.14}, rulebook)["outcome"] == "differs"


def test_one_side_makes_no_total_of_both_sides() -> None:
    bilateral = read_rulebook(
        Settings(measures={"mmt8": MeasureSetting(max=150, direction="high")})
    )
    assessment = assess(record({f"mmt8_{muscle}": 9 for muscle in MUSCLES}))
    (found,) = derive_item_scores(assessment, bilateral).iter_rows(named=True)
    assert found["outcome"] == "other_scale"
    assert derive_visit_values(assessment, bilateral).filter(measure="mmt8").is_empty()
    derived = derive_all(make_shard(assessment=assessment), bilateral, 28)
    assert find_in_derived(derived, bilateral)["rule"].to_list() == ["form_on_other_scale"]


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
