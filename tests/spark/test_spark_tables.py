"""What a run found, as tables of a catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope.errors import ExitCode, UserError
from heliotrope.example_studies import find_example
from heliotrope.execution.spark_tables import PLACES, open_catalogue
from heliotrope.execution.spark_task import MANIFEST, make_task
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.spark_session import SparkSettings

STUDY = find_example("seven_children")


def test_a_run_writes_its_tables_too_and_replaces_none_unasked(
    spark, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("heliotrope.execution.shards.PATIENTS_A_SHARD", 4)
    spark.sql("CREATE SCHEMA results")
    told: list[tuple[str, int, int]] = []
    options = RunOptions(tables_to="results")
    run_study(STUDY, tmp_path / "run", options, lambda *step: told.append(step))
    assert ("write tables", len(PLACES), len(PLACES)) in told
    there = {row.tableName for row in spark.sql("SHOW TABLES IN results").collect()}
    assert there - {"condition_occurrence"} == set(PLACES)
    for name in ("response", "regimen", "trace", "trace_source", "results", "findings"):
        place = tmp_path / "run" / PLACES[name]
        rows = pl.read_parquet(place)
        assert rows.height > 0
        written = pl.from_arrow(spark.table(f"results.{name}").toArrow())
        key = [column for column in rows.columns if rows[column].dtype != pl.List(pl.String)]
        assert_frame_equal(written.sort(key), rows.sort(key))
    assert len(list((tmp_path / "run" / "trace" / "trace.parquet").iterdir())) == 2
    with pytest.raises(UserError, match="a schema without tables named infusion_day") as caught:
        run_study(STUDY, tmp_path / "second", options)
    assert "--replace" in str(caught.value)
    assert not (tmp_path / "second.partial").exists()
    with open_catalogue("results", SparkSettings(), replace=True) as catalogue:
        catalogue.write_run(tmp_path / "run", lambda *_: None)
    count = spark.table("results.response").count()
    assert count == pl.read_parquet(tmp_path / "run" / "tables" / "response.parquet").height


def test_nothing_is_shuffled_on_the_way(spark, tmp_path) -> None:
    pl.DataFrame({"a": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    copied = spark.read.parquet((tmp_path / "a.parquet").as_uri())
    evaluated = spark.range(0, 3, 1, 3).mapInArrow(make_task(None, None), MANIFEST)
    for rows, step in ((copied, "FileScan parquet"), (evaluated, "MapInArrow")):
        plan = rows._jdf.queryExecution().executedPlan().toString()
        assert step in plan
        assert not re.search("Exchange|Sort", plan)


@pytest.mark.parametrize(
    ("schema", "said", "code"),
    [
        ("nowhere", "a schema nowhere in the catalogue", ExitCode.ENVIRONMENT),
        ("no.such.catalogue", "--tables-to CATALOGUE.SCHEMA", ExitCode.USAGE),
        ("a; DROP TABLE b", "--tables-to CATALOGUE.SCHEMA", ExitCode.USAGE),
        ("absent.results", "a schema absent.results in the catalogue", ExitCode.ENVIRONMENT),
    ],
)
@pytest.mark.usefixtures("spark")
def test_a_schema_that_cannot_take_them_is_said_before_anything_is_read(
    tmp_path: Path, schema: str, said: str, code: ExitCode
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        run_study(tmp_path / "none", tmp_path / "run", RunOptions(tables_to=schema))
    assert caught.value.exit_code == code
