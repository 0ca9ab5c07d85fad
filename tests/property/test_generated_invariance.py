"""What must not matter does not: row order, a shift of all dates, units, strangers, blank rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope.classify.evaluate import evaluate
from heliotrope.ingest.read import read_records
from heliotrope.records.shard import Shard
from heliotrope.simulate.cohort import Tables, simulate_cohort, write_csv
from heliotrope.study import read_study

CHILDREN = 30
SEED = 11
SHIFT_DAYS = 4 * 365 + 1
COMPARED = ["response", "aggravation", "indication", "course", "regimen", "visit", "state"]
UNITS_PER_MICROKATAL = 60

Change = Callable[[Tables], Tables]


def _run(tables: Tables, folder: Path) -> dict[str, pl.DataFrame]:
    """Write, read and evaluate a cohort; columns that name source cells are left out."""
    write_csv(tables, folder)
    study = read_study(folder)
    rulebook = study.read_rulebook()
    records = read_records(study, rulebook)
    assert all(table.is_empty() for table in records.quarantine.values())
    found = evaluate(Shard.from_tables(dict(records.tables)), rulebook).tables
    return {name: found[name] for name in COMPARED}


@pytest.fixture(scope="module")
def cohort() -> Tables:
    return simulate_cohort(CHILDREN, SEED)


@pytest.fixture(scope="module")
def found(cohort: Tables, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    return _run(cohort, tmp_path_factory.mktemp("as_it_is"))


def _shuffle(tables: Tables) -> Tables:
    return {
        name: table.sample(fraction=1, shuffle=True, seed=number)
        for number, (name, table) in enumerate(tables.items())
    }


def _shift(tables: Tables) -> Tables:
    later = pl.col(pl.Date) + pl.duration(days=SHIFT_DAYS)
    return {name: table.with_columns(later) for name, table in tables.items()}


def _add_strangers(tables: Tables) -> Tables:
    others = simulate_cohort(CHILDREN, SEED + 1)
    renamed = pl.concat_str(pl.lit("Z"), "patient_id").alias("patient_id")
    return {
        name: pl.concat([table, others[name].with_columns(renamed)])
        for name, table in tables.items()
    }


def _change_units(tables: Tables) -> Tables:
    """Write enzymes in microkatal and visual analogue scales in mm."""
    enzyme = pl.col("unit") == "U/L"
    is_visual = (pl.col("unit") == "cm") & pl.col("measure").str.contains("global")
    assessment = tables["assessment"].with_columns(
        value=pl.when(enzyme)
        .then(pl.col("value") / UNITS_PER_MICROKATAL)
        .when(is_visual)
        .then((pl.col("value") * 10).round(6))
        .otherwise("value"),
        upper_limit=pl.when(enzyme)
        .then(pl.col("upper_limit") / UNITS_PER_MICROKATAL)
        .otherwise("upper_limit"),
        unit=pl.when(enzyme)
        .then(pl.lit("ukat/L"))
        .when(is_visual)
        .then(pl.lit("mm"))
        .otherwise("unit"),
    )
    return tables | {"assessment": assessment}


def _turn_columns_round(tables: Tables) -> Tables:
    return {name: table.select(table.columns[::-1]) for name, table in tables.items()}


@pytest.mark.parametrize(
    "change",
    [_shuffle, _change_units, _turn_columns_round],
    ids=["row order", "units", "column order"],
)
def test_the_same_records_written_otherwise_give_the_same_result(
    change: Change, cohort: Tables, found: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    again = _run(change(cohort), tmp_path)
    for name in COMPARED:
        assert_frame_equal(again[name], found[name], check_exact=False, abs_tol=1e-9)


def test_a_shift_of_all_dates_shifts_only_dates(
    cohort: Tables, found: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    again = _run(_shift(cohort), tmp_path)
    for name in COMPARED:
        back = again[name].with_columns(pl.col(pl.Date) - pl.duration(days=SHIFT_DAYS))
        assert_frame_equal(back, found[name], check_exact=False, abs_tol=1e-9)


def test_strangers_change_nothing(
    cohort: Tables, found: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    again = _run(_add_strangers(cohort), tmp_path)
    for name in COMPARED:
        ours = again[name].filter(pl.col("patient_id").str.starts_with("P"))
        assert ours.height < again[name].height
        assert_frame_equal(ours, found[name], check_exact=False, abs_tol=1e-9)


def test_a_child_alone_is_judged_as_in_the_cohort(
    cohort: Tables, found: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    child = found["response"]["patient_id"][0]
    alone = {name: table.filter(pl.col("patient_id") == child) for name, table in cohort.items()}
    again = _run(alone, tmp_path)
    for name in COMPARED:
        assert_frame_equal(again[name], found[name].filter(pl.col("patient_id") == child))
