"""An OMOP common data model in a database: DuckDB, and PostgreSQL on the loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.omop_model import omop_model_of
from heliotrope.errors import UserError
from heliotrope.ingest import Ingested, read_records
from heliotrope.ingest.omop.database import DatabaseStore
from heliotrope.simulate.cohort import simulate_cohort
from heliotrope.simulate.forms.omop import FOLDER, write_omop
from heliotrope.study import read_study

INTEGERS = ("_id", "_of_birth")
NUMBERS = ("value_as_number", "quantity", "range_low", "range_high")
DATES = ("_date",)


def read_folder(path: Path) -> Ingested:
    study = read_study(path)
    return read_records(study, study.read_rulebook())


def type_of(column: str) -> str:
    if column in ("vocabulary_id", "domain_id", "concept_class_id"):
        return "VARCHAR(20)"
    if column.endswith(INTEGERS):
        return "INTEGER"
    if column in NUMBERS:
        return "NUMERIC"
    return "DATE" if column.endswith(DATES) else "VARCHAR(255)"


def fill(engine: sqlalchemy.Engine, source: Path, schema: str) -> None:
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA {schema}"))
        for path in sorted(source.glob("*.csv")):
            table, name = pl.read_csv(path, infer_schema=False), f"{schema}.{path.stem.lower()}"
            columns = ", ".join(f"{column} {type_of(column)}" for column in table.columns)
            connection.execute(sqlalchemy.text(f"CREATE TABLE {name} ({columns})"))
            if table.height:
                values = ", ".join(
                    f"CAST(:{column} AS {type_of(column)})" for column in table.columns
                )
                connection.execute(
                    sqlalchemy.text(f"INSERT INTO {name} VALUES ({values})"), table.to_dicts()
                )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Six children, a stranger with two hundred weights who is in no cohort, a weight of nobody."""
    folder = tmp_path_factory.mktemp("model")
    write_omop(simulate_cohort(6, 3), folder)
    cdm = folder / FOLDER
    persons = pl.read_csv(cdm / "PERSON.csv", infer_schema=False)
    stranger = persons.head(1).with_columns(
        pl.lit("900").alias("person_id"), pl.lit("STRANGER").alias("person_source_value")
    )
    pl.concat([persons, stranger]).write_csv(cdm / "PERSON.csv")
    measured = pl.read_csv(cdm / "MEASUREMENT.csv", infer_schema=False)
    weight = measured.filter(pl.col("measurement_source_value") == "weight").head(1)
    strangers = pl.concat([weight] * 200).with_columns(
        pl.lit("900").alias("person_id"),
        pl.int_range(50_000, 50_200).cast(pl.String).alias("measurement_id"),
    )
    nobodys = weight.with_columns(
        pl.lit(None, pl.String).alias("person_id"), pl.lit("60000").alias("measurement_id")
    )
    pl.concat([measured, strangers, nobodys]).write_csv(cdm / "MEASUREMENT.csv")
    observed = pl.read_csv(cdm / "OBSERVATION.csv", infer_schema=False)
    theirs = observed.head(1).with_columns(
        pl.lit("900").alias("person_id"), pl.lit("90000").alias("observation_id")
    )
    pl.concat([observed, theirs]).write_csv(cdm / "OBSERVATION.csv")
    text = (folder / "study.toml").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(text.replace('"everyone"', '"jdm"'), encoding="utf-8")
    return folder


def write_study(folder: Path, lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "study.toml").write_text(
        f'[[source]]\nform = "omop"\nschema = "cdm"\npatient_id = "person_source_value"\n'
        f'cohort = "jdm"\n{lines}\n',
        encoding="utf-8",
    )
    return folder


def check_same(database: Ingested, files: Ingested) -> None:
    for name, table in files.tables.items():
        plain = table.drop("row_id")
        found = database.tables[name].drop("row_id")
        assert found.sort(found.columns).equals(plain.sort(plain.columns)), name
    assert database.cohort == files.cohort
    assert database.cohort[0][2] == 7
    assert database.cohort[-1][2] == 6
    is_of_nobody = pl.col("sheet") == "without person_id"
    measured = database.accounting.filter(pl.col("file").str.ends_with("measurement"))
    named = measured.filter(~is_of_nobody.fill_null(False))
    assert "outside_cohort: 200" in named["ignored_by_rule"][0]
    for read in (database, files):
        (lost,) = read.accounting.filter(is_of_nobody).to_dicts()
        assert (lost["rows_in"], lost["rows_quarantined"]) == (1, 1)
        assert read.quarantine["assessment"]["rule"].to_list() == ["no_subject"]
    observed = [
        read.accounting.filter(
            pl.col("file").str.to_lowercase().str.contains("/observation(.csv)?$")
        )
        for read in (database, files)
    ]
    assert observed[0]["ignored_by_rule"].to_list() == ["outside_cohort: 1"]
    assert observed[1]["ignored_by_rule"].to_list() == ["outside_cohort: 1"]


def test_duckdb_gives_what_the_files_give_and_only_the_cohort_leaves(model, tmp_path):
    study = write_study(tmp_path / "study", 'file = "ward.duckdb"')
    engine = sqlalchemy.create_engine(f"duckdb:///{study / 'ward.duckdb'}")
    fill(engine, model / FOLDER, "cdm")
    engine.dispose()
    database = read_folder(study)
    check_same(database, read_folder(model))
    source = database.source.filter(pl.col("column_name") == "measurement_id")
    assert source["file"][0] == "duckdb:ward.duckdb.cdm/measurement"


@pytest.fixture(scope="module")
def postgres():
    """A PostgreSQL server of its own, on the loopback, gone with the test.

    It will not run as root, and another user cannot enter the folders that pytest makes.
    """
    found = shutil.which("postgres") or next(
        iter(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")))), None
    )
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL server is installed")
        pytest.skip("no PostgreSQL server is installed")
    programs = Path(found).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="heliotrope-postgres-"))
    user = {"user": "postgres"} if os.getuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    password = folder / "password"
    password.write_text("sesame\n")
    if user:
        shutil.chown(password, "postgres")
    calm = {"cwd": folder, "check": True, "capture_output": True, **user}
    data = str(folder / "data")
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "reader", "-A", "scram-sha-256",
         "--pwfile", str(password), "--no-sync", "-E", "UTF8", "--locale", "C"], **calm,
    )  # fmt: skip
    options = f"-p {port} -h 127.0.0.1 -k {folder} -F"
    log = str(folder / "log")
    subprocess.run([programs / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start"],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL, **user)  # fmt: skip
    yield f"postgresql+psycopg://reader@127.0.0.1:{port}/postgres"
    subprocess.run([programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **calm)
    shutil.rmtree(folder, ignore_errors=True)


def test_postgresql_gives_what_the_files_give(model, postgres, tmp_path, monkeypatch):
    whole = postgres.replace("reader@", "reader:sesame@")
    engine = sqlalchemy.create_engine(whole)
    fill(engine, model / FOLDER, "cdm")
    engine.dispose()
    monkeypatch.setenv("WARD_SECRET", "sesame")
    monkeypatch.setenv("WARD_CDM", whole)
    by_password = write_study(
        tmp_path / "one", f'database = "{postgres}"\npassword_from = "WARD_SECRET"'
    )
    files = read_folder(model)
    check_same(read_folder(by_password), files)
    by_address = write_study(tmp_path / "two", 'database_from = "WARD_CDM"')
    check_same(read_folder(by_address), files)
    monkeypatch.setenv("WARD_SECRET", "wrong-secret")
    with pytest.raises(UserError) as refused:
        read_folder(by_password)
    assert "wrong-secret" not in str(refused.value)
    assert "a database that answers" in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('database = "postgresql+psycopg://a:secret@host/cdm"', "no password in study.toml"),
        ('database_from = "NOT_SET_ANYWHERE"', "environment variable NOT_SET_ANYWHERE"),
        ('database = "oracle+nothing://host/cdm"', "a driver for oracle"),
        ('database = "not an address"', "the address of a database"),
        ('file = "a.duckdb"\ndatabase = "x"', "give one of file, database"),
    ],
)
def test_an_address_that_cannot_be_used_is_said_without_its_password(tmp_path, lines, said):
    with pytest.raises(UserError, match=said) as refused:
        read_folder(write_study(tmp_path, lines))
    assert "secret" not in str(refused.value)


def test_a_schema_without_the_tables_is_said(tmp_path):
    study = write_study(tmp_path, 'file = "empty.duckdb"')
    engine = sqlalchemy.create_engine(f"duckdb:///{study / 'empty.duckdb'}")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE something (a INTEGER)"))
    engine.dispose()
    with pytest.raises(UserError, match="the table person of the OMOP common data model"):
        read_folder(study)


DIALECTS = {
    name: f"sqlalchemy.dialects.{name}:dialect"
    for name in ("mssql", "oracle", "mysql", "postgresql", "sqlite")
}
# Looked at where somebody has installed them beside this program: it needs none of them.
OTHERS = {
    "snowflake": "snowflake.sqlalchemy.snowdialect:SnowflakeDialect",
    "sqlalchemy_bigquery": "sqlalchemy_bigquery:BigQueryDialect",
    "databricks": "databricks.sqlalchemy:DatabricksDialect",
    "sqlalchemy_redshift": "sqlalchemy_redshift.dialect:RedshiftDialect_psycopg2",
}
MOST_PARAMETERS = 2_000  # SQL Server refuses more than 2,100


def test_every_query_is_one_that_other_warehouses_take(model, tmp_path):
    """The statements of a whole reading compile for the dialects that SQLAlchemy carries."""
    from importlib import import_module
    from importlib.util import find_spec

    from sqlalchemy import event

    from heliotrope.ingest.omop.store import Where

    study = write_study(tmp_path / "study", 'file = "ward.duckdb"')
    engine = sqlalchemy.create_engine(f"duckdb:///{study / 'ward.duckdb'}")
    fill(engine, model / FOLDER, "cdm")
    engine.dispose()
    asked = []

    @event.listens_for(sqlalchemy.Engine, "before_execute")
    def note(_, statement, *__):
        if isinstance(statement, sqlalchemy.Select):
            asked.append(statement)

    try:
        read_folder(study)
        engine = sqlalchemy.create_engine(
            f"duckdb:///{study / 'ward.duckdb'}", connect_args={"read_only": True}
        )
        store = DatabaseStore(engine, "ward", omop_model_of(read_rulebook()), "cdm")
        many = {"measurement_concept_id": range(5_000), "measurement_source_concept_id": range(5)}
        store.count("measurement", Where(range(2_000), many, ("measurement_concept_id",
                    "measurement_source_value", ["it's a word", "weight"])))  # fmt: skip
    finally:
        event.remove(sqlalchemy.Engine, "before_execute", note)
        engine.dispose()
    assert len(asked) > 20
    installed = {name: place for name, place in OTHERS.items() if find_spec(name) is not None}
    for name, place in {**DIALECTS, **installed}.items():
        module, _, kind = place.partition(":")
        dialect = getattr(import_module(module), kind)()
        for statement in asked:
            compiled = statement.compile(
                dialect=dialect, compile_kwargs={"render_postcompile": True}
            )
            assert str(compiled).startswith("SELECT")
            assert len(compiled.params) < MOST_PARAMETERS, name
            assert " rows" not in str(compiled).lower(), "a word of its own in BigQuery"
    names = {column.name.lower() for item in asked for column in item.selected_columns}
    assert "person_id" in names
