"""A study that stands in a lakehouse: its tables land as files, an OMOP model is asked in place."""

from __future__ import annotations

import json
import re
from datetime import time
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.unit.test_omop_database import check_same, model, read_folder, type_of, write_study

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.omop_model import omop_model_of
from heliotrope.errors import ExitCode, UserError
from heliotrope.example_studies import find_example
from heliotrope.ingest import landing, read_records
from heliotrope.ingest.landing import _find_version, land_tables
from heliotrope.ingest.omop.lakehouse import SparkStore
from heliotrope.ingest.omop.store import Where
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.run.verification import verify_run
from heliotrope.simulate.forms.omop import FOLDER
from heliotrope.study import read_study

__all__ = ["model"]

POLARS_TYPES = {"INTEGER": pl.Int32, "NUMERIC": pl.Float64}


def name_schema(spark, name: str) -> str:
    spark.sql(f"CREATE SCHEMA IF NOT EXISTS {name}")
    return name


@pytest.fixture(scope="module")
def clinic(spark, tmp_path_factory) -> str:
    """The seven children as tables: dates, times and numbers as types, names of their own."""
    schema = name_schema(spark, "clinic")
    folder = tmp_path_factory.mktemp("clinic")
    for path in sorted(find_example("seven_children").glob("*.csv")):
        rows = pl.read_csv(path, try_parse_dates=True)
        rows = rows.with_columns(pl.selectors.time().dt.to_string("%H:%M"))
        if path.stem == "infusion":
            midnight = pl.col("given_at").cast(pl.Datetime("us"))
            rows = rows.rename({"patient_id": "who", "date": "given_at"}).with_columns(
                midnight.dt.replace_time_zone("America/New_York").dt.convert_time_zone("UTC")
            )
        rows.write_parquet(folder / path.with_suffix(".parquet").name)
        place = (folder / f"{path.stem}.parquet").as_uri()
        spark.sql(f"DROP TABLE IF EXISTS {schema}.{path.stem}")
        spark.sql(f"CREATE TABLE {schema}.{path.stem} USING parquet LOCATION '{place}'")
    return schema


def write_lakehouse_study(folder: Path, schema: str) -> Path:
    folder.mkdir()
    given = '[source.columns]\npatient_id = "who"\ndate = "given_at"\n'
    entries = [
        f'[[source]]\ncatalogue = "{schema}.{path.stem}"\ntable = "{path.stem}"\n'
        + (given if path.stem == "infusion" else "")
        for path in sorted(find_example("seven_children").glob("*.csv"))
    ]
    own = (find_example("seven_children") / "study.toml").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(own + "\n" + "\n".join(entries), encoding="utf-8")
    return folder


@pytest.mark.usefixtures("spark")
def test_tables_of_a_catalogue_are_read_as_their_files_would_be(clinic, tmp_path) -> None:
    study = write_lakehouse_study(tmp_path / "study", clinic)
    run_study(study, tmp_path / "run")
    run_study(find_example("seven_children"), tmp_path / "plain")
    for table in ("response", "score", "infusion_day", "reaction", "aggravation"):
        ours, plain = (
            pl.read_parquet(tmp_path / run / "tables" / f"{table}.parquet")
            for run in ("run", "plain")
        )
        known = [name for name in plain.columns if name != "row_id"]
        assert_frame_equal(ours.select(known), plain.select(known))
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    (infusion,) = [item for item in manifest["catalogue"] if item["table"] == "clinic.infusion"]
    assert infusion["provider"] == "parquet"
    assert infusion["file"] == "landing/clinic.infusion.parquet"
    assert infusion["columns"]["given_at"] == "timestamp_ntz"
    assert infusion["rows"] == pl.read_csv(find_example("seven_children") / "infusion.csv").height
    assert infusion["file"] in manifest["inputs"]
    given = pl.read_parquet(study / infusion["file"])["given_at"]
    assert set(given.dt.time()) == {time(0, 0)}
    assert verify_run(tmp_path / "run").is_verified
    again = {path.name: path.read_bytes() for path in (study / "landing").iterdir()}
    read = read_study(study)
    land_tables(read.folder, read.sources, lambda _: None)
    assert {path.name: path.read_bytes() for path in (study / "landing").iterdir()} == again


def test_the_snapshot_of_an_iceberg_table_is_that_of_its_main_branch(spark) -> None:
    """A schema with a table ``refs``, as Iceberg shows it, stands in for an Iceberg table."""
    schema = name_schema(spark, "like_iceberg")
    spark.sql(f"CREATE TABLE IF NOT EXISTS {schema}.refs AS SELECT * FROM VALUES "
              "('other', 'BRANCH', 3L), ('main', 'BRANCH', 2L), ('v1', 'TAG', 1L) "
              "AS refs(name, type, snapshot_id)")  # fmt: skip
    assert _find_version(spark, schema, "iceberg") == "2"


@pytest.mark.usefixtures("spark")
def test_a_table_that_changes_while_it_lands_stops_the_run(clinic, tmp_path, monkeypatch) -> None:
    versions = iter(["7", "8"])
    monkeypatch.setattr(landing, "_find_version", lambda *_: next(versions))
    study = read_study(write_lakehouse_study(tmp_path / "study", clinic))
    with pytest.raises(UserError, match="version 7, then 8"):
        land_tables(study.folder, study.sources, lambda _: None)


@pytest.mark.usefixtures("spark")
def test_a_table_that_is_not_there_is_said(clinic, tmp_path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(f'[[source]]\ncatalogue = "{clinic}.nothing"\ntable = "patient"\n')
    with pytest.raises(UserError, match=r"a table clinic.nothing that Spark can read") as caught:
        run_study(study, tmp_path / "run", RunOptions())
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert not (tmp_path / "run.partial").exists()


@pytest.fixture(scope="module")
def cdm(spark, model, tmp_path_factory) -> str:
    schema = name_schema(spark, "cdm")
    folder = tmp_path_factory.mktemp("cdm")
    for path in sorted((model / FOLDER).glob("*.csv")):
        table = path.stem.lower()
        texts = pl.read_csv(path, infer_schema=False)
        rows = texts.select(
            (pl.col(name).str.to_date() if type_of(name) == "DATE" else
             pl.col(name).cast(POLARS_TYPES.get(type_of(name), pl.String))).alias(name.upper())
            for name in texts.columns
        )  # fmt: skip
        (folder / table).mkdir()
        rows.write_parquet(folder / table / "part-0.parquet")
        place = (folder / table).as_uri()
        spark.sql(f"DROP TABLE IF EXISTS {schema}.{table}")
        spark.sql(f"CREATE TABLE {schema}.{table} USING parquet LOCATION '{place}'")
    return schema


@pytest.mark.usefixtures("spark")
def test_an_omop_model_in_a_lakehouse_gives_what_its_files_give(cdm, model, tmp_path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    lines = write_study(tmp_path / "words", f'catalogue = "{cdm}"') / "study.toml"
    text = lines.read_text(encoding="utf-8").replace('schema = "cdm"\n', "")
    (study / "study.toml").write_text(text, encoding="utf-8")
    lakehouse = read_folder(study)
    check_same(lakehouse, read_folder(model))
    source = lakehouse.source.filter(pl.col("column_name") == "measurement_id")
    assert source["file"][0] == "spark:cdm/measurement"


def test_the_cohort_is_picked_out_while_files_are_scanned(spark, cdm) -> None:
    """No row of a stranger leaves the scan, no row is shuffled, no id stands in the plan."""
    store = SparkStore(spark, cdm, omop_model_of(read_rulebook()))
    concepts = {"measurement_concept_id": [3025315], "measurement_source_concept_id": [77]}
    persons = frozenset({4_711_001, 4_711_002})
    where = Where(persons, concepts, ("measurement_concept_id", "measurement_source_value", ["a"]))
    for wanted in (Where(persons), where, Where(persons, concepts, or_unnamed=True)):
        rows = store.select("measurement", wanted)
        plan = rows._jdf.queryExecution().executedPlan().toString()
        joins = re.findall(r"(\w*Join\w*) \[", plan)
        assert joins == ["BroadcastHashJoin"], plan
        assert "LeftSemi, BuildRight" in plan
        exchanges = set(re.findall(r"\w*Exchange\w*", plan))
        assert exchanges == {"BroadcastExchange"}, plan
        assert "4711001" not in plan
        if wanted.anyone_of:
            assert re.search(r"PushedFilters: \[[^\n]*3025315", plan), plan


def test_ids_kept_as_text_and_rows_of_nobody_are_found(spark) -> None:
    schema = name_schema(spark, "texts")
    rows = [("1.0", "7", "a"), (" 2 ", "8", None), (None, "7", "b"), ("x", "0", "weight")]
    names = "person_id string, condition_concept_id string, condition_source_value string"
    spark.createDataFrame(rows, names).createOrReplaceTempView("condition_occurrence")
    spark.sql(f"CREATE TABLE IF NOT EXISTS {schema}.condition_occurrence AS "
              "SELECT * FROM condition_occurrence")  # fmt: skip
    store = SparkStore(spark, schema, omop_model_of(read_rulebook()))

    def count(**where) -> int:
        return store.count("condition_occurrence", Where(**where))

    assert store.columns["condition_occurrence"][0] == "person_id"
    assert count() == 4
    assert count(persons={1, 2}) == 2
    assert count(persons={1}, or_unnamed=True) == 3
    assert count(persons=frozenset()) == 0
    assert count(anyone_of={"condition_concept_id": {7}}) == 2
    assert count(anyone_of={"condition_concept_id": set()}) == 0
    local = ("condition_concept_id", "condition_source_value", {"weight"})
    assert count(local=local) == 1
    found = store.look_up("condition_occurrence", {"condition_concept_id": {"7"}})
    assert sorted(found["condition_source_value"]) == ["a", "b"]
    tally = store.tally("condition_occurrence", ["condition_concept_id", "not_there"])
    assert dict(tally.select("condition_concept_id", "rows").iter_rows())["7"] == 2
    assert tally["not_there"].to_list() == [None] * 3


@pytest.mark.usefixtures("spark")
def test_a_schema_that_is_not_there_is_said(tmp_path) -> None:
    study = tmp_path / "study.toml"
    study.write_text('[[source]]\nform = "omop"\ncatalogue = "nowhere"\n')
    with pytest.raises(UserError, match="a schema nowhere in the catalogue"):
        read_records(read_study(study), read_rulebook())
