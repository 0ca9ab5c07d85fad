"""Every combination of the composite rules against the slow reading in ``slow_rules.py``."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

import polars as pl
import pytest
from tests.oracle.slow_rules import (
    CHANGES,
    Change,
    Truth,
    confirmed,
    fill_in,
    held,
    improved_imacs,
    improved_printo,
    milestone_3_months,
)
from tests.spec.visit_frames import Pair, make_frames

from heliotrope.classify.rules import RuleContext, evaluate_rule
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.rule import RuleDefinition, decide_from

D0 = date(2020, 1, 1)

# Measure, reference, and the value that improves by exactly so many percent, stays, or worsens by
# exactly, and by just more than, 25 or 30 percent.
IMACS = {
    "physician_global": (5.0, {"improved": 4.0, "same": 6.2, "worse": 6.25}),
    "patient_global": (5.0, {"improved": 4.0, "same": 4.1, "worse": 6.25}),
    "mmt8": (60.0, {"improved": 72.0, "same": 46.0, "worse": 45.0}),
    "chaq": (2.0, {"improved": 1.6, "same": 2.0, "worse": 2.5}),
    "creatine_kinase": (1000.0, {"improved": 800.0, "same": 801.0, "worse": 1250.0}),
    "extramuscular_global": (4.0, {"improved": 3.2, "same": 4.9, "worse": 5.0}),
}


def printo(level: int) -> dict[str, tuple[float, dict[str, float]]]:
    """The PRINTO core set at a level: exactly improved, exactly 30 percent worse, just more."""
    less, more = (100 - level) / 100, (100 + level) / 100
    return {
        "physician_global": (5.0, {"improved": 5 * less, "same": 6.5, "worse": 6.6}),
        "patient_global": (5.0, {"improved": 5 * less, "same": 6.5, "worse": 6.6}),
        "cmas": (20.0, {"improved": 20 * more, "same": 14.0, "worse": 13.0}),
        "chaq": (2.0, {"improved": 2 * less, "same": 2.6, "worse": 2.625}),
        "disease_activity_score": (10.0, {"improved": 10 * less, "same": 13.0, "worse": 14.0}),
        "chq_physical": (20.0, {"improved": 20 * more, "same": 14.0, "worse": 13.0}),
    }


CORE_SETS = {
    "improvement_imacs_2004": (IMACS, improved_imacs),
    **{
        f"improvement_printo_{level}": (printo(level), improved_printo)
        for level in (20, 50, 70, 90)
    },
}


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.mark.parametrize("definition_id", CORE_SETS)
def test_improvement_every_combination_of_six_measures(
    rulebook: Rulebook, definition_id: str
) -> None:
    """4,096 children: each of six measures improved, about the same, worse or not recorded."""
    core_set, rule = CORE_SETS[definition_id]
    definition = rulebook.get(definition_id, RuleDefinition)
    combinations: list[tuple[Change | None, ...]] = list(product((*CHANGES, None), repeat=6))
    pairs = [
        Pair(measure, reference, values[change], upper_limit=200.0, patient_id=str(number))
        for number, changes in enumerate(combinations)
        for change, (measure, (reference, values)) in zip(changes, core_set.items(), strict=True)
        if change is not None
    ]
    changes_frame, _ = make_frames(pairs)
    visits = evaluate_rule(changes_frame, definition, RuleContext())
    found = dict(visits.select("patient_id", "truth:root").iter_rows())
    assert len(found) == len(combinations) - 1, "all but the child with nothing recorded"
    wrong = [
        (changes, found[str(number)])
        for number, changes in enumerate(combinations)
        if str(number) in found and found[str(number)] is not fill_in(rule, changes)
    ]
    assert not wrong


@pytest.mark.parametrize("definition_id", CORE_SETS)
def test_both_limbs_every_combination_of_leaves(rulebook: Rulebook, definition_id: str) -> None:
    """Each limb by itself, 3^6: enough improved; not too many worse, strength not among them."""
    definition = rulebook.get(definition_id, RuleDefinition)
    most_worse = 2 if definition_id.startswith("improvement_imacs") else 1
    improved, few_worse = (
        next(node for node in definition.nodes if node.id == name)
        for name in ("three_improved", "few_worse")
    )
    better = [leaf.id for leaf in definition.leaves if leaf.id.endswith("_improved")]
    kept = [leaf.id for leaf in definition.leaves if leaf.id.endswith("_not_worse")]
    strength = kept.index("strength_not_worse")
    for truths in product((True, False, None), repeat=6):
        fillings = list(
            product(*[(True, False) if truth is None else (truth,) for truth in truths])
        )
        enough = {sum(filled) >= 3 for filled in fillings}
        few = {filled.count(False) <= most_worse and filled[strength] for filled in fillings}
        for node, names, answers in ((improved, better, enough), (few_worse, kept, few)):
            expected = answers.pop() if len(answers) == 1 else None
            found = decide_from(node, dict(zip(names, truths, strict=True)))
            assert found is expected, (node.id, truths)


def test_the_three_month_milestone_every_combination(rulebook: Rulebook) -> None:
    definition = rulebook.get("treat_to_target_3_months", RuleDefinition)
    names = [node.id for node in definition.answers]
    assert names == [
        "moderate_improvement",
        "composite_50_percent",
        "enzymes_normal",
        "no_life_threatening_feature",
    ]
    for truths in product((True, False, None), repeat=4):
        leaves = dict(zip(names, truths, strict=True))
        assert decide_from(definition.root, leaves) is milestone_3_months(*truths), leaves


@pytest.mark.parametrize(
    ("definition_id", "cuts", "top"),
    [("jdmai1_activity", (24, 66, 110), 400), ("jdmai2_activity", (52, 85, 113), 390)],
)
def test_classes_at_every_tenth_and_twentieth_of_a_point(
    rulebook: Rulebook, definition_id: str, cuts: tuple[int, int, int], top: int
) -> None:
    """In whole twentieths, where no comparison can go astray; the gap of rounding is moderate."""
    definition = rulebook.get(definition_id, RuleDefinition)
    twentieths = list(range(2 * top + 1))
    values = pl.DataFrame(
        {"patient_id": [str(step) for step in twentieths], "value": [s / 20 for s in twentieths]}
    ).with_columns(date=D0, measure=pl.lit(definition.measures[0]), row_id=pl.lit(1, pl.Int64))
    visits = evaluate_rule(values, definition, RuleContext())
    found = {
        row[0]: row[1:]
        for row in visits.select("patient_id", "label:root", "truth:root").iter_rows()
    }
    for step in twentieths:
        place = sum(step > 2 * cut for cut in cuts)
        label = ("inactive", "low", "moderate", "high")[place]
        assert found[str(step)] == (label, place == 0), step / 20


def walk_through(
    definition: RuleDefinition, sequences: list[tuple[Truth, ...]], days: tuple[int, ...]
) -> list[list[Truth]]:
    """Let a rule judge children by CMAS (met or not) or by something that decides nothing."""
    rows = [
        {"patient_id": f"{number:05}", "date": D0 + timedelta(days=day), "measure": measure,
         "value": value}
        for number, visits in enumerate(sequences)
        for day, truth in zip(days, visits, strict=True)
        for measure, value in (
            ("physician_global", 0.0),
            ("cmas", None if truth is None else 52.0 if truth else 51.0),
        )
        if value is not None
    ]  # fmt: skip
    values = pl.DataFrame(rows).with_columns(row_id=pl.lit(1, pl.Int64))
    visits = evaluate_rule(
        values.sample(fraction=1, shuffle=True, seed=2), definition, RuleContext()
    )
    found: dict[str, list[Truth]] = {}
    for child, truth in (
        visits.sort("patient_id", "date").select("patient_id", "truth:root").iter_rows()
    ):
        found.setdefault(child, []).append(truth)
    return [found[f"{number:05}"] for number in range(len(sequences))]


@pytest.mark.parametrize(
    "days",
    [(0, 60, 120, 181, 240, 300), (0, 91, 182, 273, 364, 455), (0, 100, 283, 300, 482, 700)],
)
def test_a_held_state_every_sequence_of_six_visits(
    rulebook: Rulebook, days: tuple[int, ...]
) -> None:
    """Close, even and wide visits: 729 children each, met, not met or not to be judged."""
    definition = rulebook.get("clinical_remission_printo_trial", RuleDefinition)
    sequences = list(product((True, False, None), repeat=6))
    found = walk_through(definition, sequences, days)
    for visits, answers in zip(sequences, found, strict=True):
        assert answers == held(list(zip(days, visits, strict=True)), 182, 182), visits


@pytest.mark.parametrize("at_least", [None, 14, 60])
@pytest.mark.parametrize("at_most", [None, 40, 100])
def test_a_confirmed_state_within_a_tolerance(
    rulebook: Rulebook, at_least: int | None, at_most: int | None
) -> None:
    days = (0, 7, 20, 61, 75, 180)
    held_rule = rulebook.get("clinical_remission_printo_trial", RuleDefinition)
    content = held_rule.model_dump()
    root = {
        "node": "confirmed",
        "id": "root",
        "of": content["root"]["of"],
        "at_least_days": at_least,
        "at_most_days": at_most,
    }
    definition = RuleDefinition.model_validate(content | {"root": root})
    sequences = list(product((True, False, None), repeat=6))
    found = walk_through(definition, sequences, days)
    for visits, answers in zip(sequences, found, strict=True):
        expected = confirmed(list(zip(days, visits, strict=True)), at_least, at_most)
        assert answers == expected, visits


@pytest.mark.parametrize(
    ("definition_id", "node_id"),
    [
        ("complete_clinical_response", "no_evidence_of_active_disease"),
        ("clinical_remission", "no_evidence_of_active_disease"),
        ("treat_to_target_12_months", "root"),
    ],
)
def test_copies_of_the_modified_rule_stay_equal_to_it(
    rulebook: Rulebook, definition_id: str, node_id: str
) -> None:
    original = rulebook.get("inactive_disease_2015", RuleDefinition).root.model_dump()
    nodes = rulebook.get(definition_id, RuleDefinition).nodes
    copy = next(node for node in nodes if node.id == node_id).model_dump()
    assert sorted(map(str, copy.pop("of"))) == sorted(map(str, original.pop("of")))
    assert copy | {"id": "root"} == original
