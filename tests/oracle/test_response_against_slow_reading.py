"""The package against a second, slow reading of the same text: child by child, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.oracle.degraded_records import degrade
from tests.oracle.slow_records import Child, Regimen, Scales, read_children, read_scales
from tests.oracle.slow_response import Reading, Response, read_regimen
from tests.oracle.slow_worsening import Aggravation

from heliotrope.classify.evaluate import Evaluation, evaluate
from heliotrope.definitions.load import Rulebook
from heliotrope.derive.derived import derive_all
from heliotrope.ingest.read import read_records
from heliotrope.records.shard import Shard
from heliotrope.simulate.cohort import simulate_cohort, write_csv
from heliotrope.study import read_study

ROOT = Path(__file__).parents[2]
BASELINE_DAYS = 28

RESPONSE_COLUMNS = [
    "onset",
    "onset_after_day",
    "onset_by_day",
    "onset_band",
    "evidence_tier",
    "durability",
    "responded_courses",
    "steroid_effect",
    "pattern",
    "responded",
    "reason",
]
SETS = ["confounded_by", "sparing_confounded_by", "sustained_confounded_by"]
VISIT_COLUMNS = ["date", "day", "course", "day_of_course", "is_on_regimen", "state", "tier"]

# The flags that the text names; the package adds some of its own.
FLAGS = {
    "baseline_low",
    "bounds_straddle",
    "caveat_premedication_unrecorded",
    "domain_not_measured",
    "lost_before_stop",
    "small_reference",
    "sparing_lost",
    "within_standard_taper",
}

Difference = tuple[str, int, str, Any, Any]
"""Child, regimen, column, slow reading, package."""


@dataclass(frozen=True)
class Records:
    """A study's shard and rulebook."""

    shard: Shard
    rulebook: Rulebook

    @classmethod
    def read(cls, folder: Path) -> Records:
        """Read a study folder."""
        study = read_study(folder)
        rulebook = study.read_rulebook()
        return cls(Shard.from_tables(dict(read_records(study, rulebook).tables)), rulebook)

    def degraded(self, seed: int, times: int) -> Records:
        """Make the records worse."""
        return Records(Shard.from_tables(degrade(self.shard.tables(), seed, times)), self.rulebook)


def simulate(folder: Path, children: int, seed: int, direction: str) -> Records:
    """Simulate a cohort and read it, with a declared scale of daily living."""
    write_csv(simulate_cohort(children, seed), folder)
    (folder / "study.toml").write_text(
        f'id = "oracle"\ntitle = "Simulated"\n[measures.adl]\nmax = 5\ndirection = "{direction}"\n'
    )
    return Records.read(folder)


def compare(records: Records, evaluation: Evaluation | None = None) -> tuple[int, list[Difference]]:
    """Read every regimen twice; return how many there are and where the readings differ.

    evaluation: of these records, where it was made before.
    """
    evaluation = evaluation or evaluate(records.shard, records.rulebook)
    derived = derive_all(records.shard, records.rulebook, BASELINE_DAYS)
    scales = read_scales(derived)
    package = Package.of(evaluation)
    differences: list[Difference] = []
    count = 0
    for child in read_children(derived):
        for regimen in child.regimens:
            count += 1
            differences += compare_regimen(child, regimen, scales, package)
    assert count == len(package.responses) == len(package.aggravations)
    return count, differences


@dataclass(frozen=True)
class Package:
    """What the package says, by child and regimen."""

    responses: dict[tuple[str, int], dict[str, Any]]
    aggravations: dict[tuple[str, int], dict[str, Any]]
    visits: dict[tuple[str, int], list[dict[str, Any]]]

    @classmethod
    def of(cls, evaluation: Evaluation) -> Package:
        """Take the rows out of an evaluation."""

        def rows(name: str) -> list[tuple[tuple[str, int], dict[str, Any]]]:
            table = evaluation.tables[name].to_dicts()
            return [((row["patient_id"], row["regimen"]), row) for row in table]

        visits: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for key, row in rows("visit"):
            visits.setdefault(key, []).append(row)
        return cls(dict(rows("response")), dict(rows("aggravation")), visits)


def compare_regimen(
    child: Child, regimen: Regimen, scales: Scales, package: Package
) -> list[Difference]:
    """Return the columns in which the two readings of a regimen differ."""
    key = (child.name, regimen.number)
    reading = read_regimen(child, regimen, scales)
    pairs = [
        *compare_visits(reading, package.visits.get(key, [])),
        *compare_aggravation(reading.aggravation, regimen, package.aggravations[key]),
        *compare_response(reading.response, package.responses[key]),
    ]
    return [(*key, name, slow, said) for name, slow, said in pairs if slow != said]


def compare_visits(reading: Reading, rows: Sequence[dict[str, Any]]) -> list[tuple[str, Any, Any]]:
    """Pair the visits, all columns of one in a line."""
    slow = []
    for visit in reading.visits:
        told = (visit.when, visit.day, visit.course, visit.day_of_course, visit.on_regimen)
        is_straddling = visit.state == "not_evaluable" and visit.straddles
        slow.append((*told, visit.state, visit.tier, visit.confirmed, is_straddling))
    said = [
        (
            *(row[column] for column in VISIT_COLUMNS),
            row["is_confirmed"],
            row["reason"] == "bounds_straddle",
        )
        for row in rows
    ]
    return [("visits", slow, said)]


def compare_aggravation(
    slow: Aggravation, regimen: Regimen, row: dict[str, Any]
) -> list[tuple[str, Any, Any]]:
    """Pair the columns of the aggravation table."""
    days = None if slow.when is None else (slow.when - regimen.last_infusion).days
    return [
        ("aggravation.state", slow.state, row["state"]),
        ("aggravation.date", slow.when, row["date"]),
        ("aggravation.days", days, row["days_after_last_infusion"]),
        ("aggravation.limb", slow.limb, row["limb"]),
        ("aggravation.reason", slow.reason, row["reason"]),
        ("aggravation.flags", sorted(slow.flags), row["flags"]),
    ]


def compare_response(slow: Response, row: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Pair the columns of the response table."""
    return [
        *((column, getattr(slow, column), row[column]) for column in RESPONSE_COLUMNS),
        *((column, sorted(getattr(slow, column)), row[column]) for column in SETS),
        ("confounded", bool(slow.confounded_by), row["confounded"]),
        ("flags", slow.flags, set(row["flags"]) & FLAGS),
    ]


@pytest.mark.parametrize("name", ["seven_children", "modern_cohort"])
def test_an_example_is_read_the_same_twice(name: str) -> None:
    count, differences = compare(Records.read(ROOT / "examples" / name))
    assert count > 0
    assert differences == []


def test_simulated_children_are_read_the_same_twice(tmp_path: Path) -> None:
    count, differences = compare(simulate(tmp_path, children=150, seed=1, direction="low"))
    assert count > 100
    assert differences == []


@pytest.fixture(scope="module")
def degraded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Records, Evaluation]:
    """Degraded records of a cohort, and their evaluation."""
    folder = tmp_path_factory.mktemp("degraded")
    records = simulate(folder, children=300, seed=2, direction="low").degraded(2, times=1)
    return records, evaluate(records.shard, records.rulebook)


def test_degraded_records_are_read_the_same_twice(degraded: tuple[Records, Evaluation]) -> None:
    count, differences = compare(*degraded)
    assert count > 200
    assert differences == []


def test_records_degraded_twice_are_read_the_same_twice(tmp_path: Path) -> None:
    records = simulate(tmp_path, children=300, seed=3, direction="high")
    count, differences = compare(records.degraded(3, times=2))
    assert count > 200
    assert differences == []


def test_degraded_records_reach_every_label(degraded: tuple[Records, Evaluation]) -> None:
    tables = degraded[1].tables
    response = tables["response"]
    assert response["pattern"].n_unique() == 9
    assert response["onset"].n_unique() == 7
    assert response["steroid_effect"].n_unique() == 6
    assert response["durability"].n_unique() == 5
    assert response["responded"].n_unique() == 4
    reasons = set(response["reason"].drop_nulls())
    assert {"no_baseline", "no_room", "no_visit", "no_late_visit", "short_exposure"} < reasons
    assert {"replacement_dose", "improved_after_cover", "unconfirmed", "onset"} < reasons
    assert set(response.explode("flags")["flags"].drop_nulls()) >= FLAGS
    assert set(tables["aggravation"]["limb"].drop_nulls()) == {*"abcde", "escalation_only"}


def test_a_wrong_reading_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: a slow reading with another window disagrees."""
    monkeypatch.setattr("tests.oracle.slow_improvement.COVER_DAYS", 14)
    _, differences = compare(Records.read(ROOT / "examples" / "modern_cohort"))
    assert {column for _, _, column, _, _ in differences} >= {"visits"}
