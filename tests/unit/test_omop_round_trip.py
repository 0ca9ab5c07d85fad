"""One cohort, as plain tables and as an OMOP common data model, gives the same answers."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import polars as pl
import pytest

from heliotrope.classify.evaluate import evaluate
from heliotrope.ingest import Ingested, read_records
from heliotrope.records.shard import Shard
from heliotrope.simulate.cohort import simulate_cohort, write_csv
from heliotrope.simulate.forms.omop import FOLDER, write_omop
from heliotrope.study import read_study

CHILDREN, SEED = 25, 11

# What says where a row came from, and the wording of the diagnosis, which OMOP has of its own.
PLACES = ("row_id", "row_ids", "sources", "source_row_id", "trace_id", "diagnosis")


def read_folder(path: Path) -> Ingested:
    study = read_study(path)
    return read_records(study, study.read_rulebook())


def without_places(frame: pl.DataFrame) -> pl.DataFrame:
    kept = [name for name in frame.columns if name not in PLACES and "row_id" not in name]
    texts = frame.select(
        pl.col(name).list.sort().cast(pl.List(pl.String)).list.join(",")
        if isinstance(frame.schema[name], pl.List)
        else pl.col(name).cast(pl.String)
        for name in sorted(kept)
    )
    return texts.sort(texts.columns, nulls_last=True)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    tables = simulate_cohort(CHILDREN, SEED)
    write_csv(tables, folder / "csv")
    write_omop(tables, folder / "omop")
    return folder, read_folder(folder / "csv"), read_folder(folder / "omop")


def test_canonical_tables_come_back_as_from_plain_tables(both):
    _, plain, omop = both
    assert plain.tables["infusion"].height > CHILDREN
    for name, table in plain.tables.items():
        assert without_places(omop.tables[name]).equals(without_places(table)), name
    assert omop.tables["patient"]["diagnosis"].unique().to_list() == ["Juvenile dermatomyositis"]
    assert omop.accounting["rows_quarantined"].sum() == 0


def test_answers_and_trace_are_the_same(both):
    folder, plain, omop = both
    rulebook = read_study(folder / "omop").read_rulebook()
    one = evaluate(Shard.from_tables(plain.tables), rulebook)
    other = evaluate(Shard.from_tables(omop.tables), rulebook)
    assert one.tables["response"].height > CHILDREN / 2
    for name, table in one.tables.items():
        assert without_places(other.tables[name]).equals(without_places(table)), name
    assert without_places(other.trace).equals(without_places(one.trace))


def rewrite(source: Path, target: Path, separator: str, has_header: bool) -> None:
    target.mkdir(parents=True)
    for path in source.glob("*.csv"):
        with path.open(encoding="utf-8") as text:
            rows = list(csv.reader(text))
        suffix = ".tsv" if separator == "\t" else ".csv"
        with (target / f"{path.stem.lower()}{suffix}").open("w", encoding="utf-8") as out:
            csv.writer(out, delimiter=separator, quoting=csv.QUOTE_MINIMAL).writerows(
                rows if has_header else rows[1:]
            )


def to_parquet(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for path in source.glob("*.csv"):
        pl.read_csv(path, try_parse_dates=True, infer_schema_length=None).write_parquet(
            target / f"{path.stem.lower()}.parquet"
        )


def pack(source: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(source.glob("*.csv")):
            packed.write(path, f"delivery/{path.name}")
            packed.writestr(f"__MACOSX/delivery/._{path.name}", b"\x00junk")


@pytest.mark.parametrize("form", ["tabs", "no header", "parquet", "zip", "5.3"])
def test_every_way_of_writing_the_tables_gives_the_same_records(both, tmp_path, form):
    folder, _, omop = both
    source, target = folder / "omop" / FOLDER, tmp_path / FOLDER
    if form == "tabs":
        rewrite(source, target, "\t", has_header=True)
    elif form == "no header":
        rewrite(source, target, ",", has_header=False)
    elif form == "parquet":
        to_parquet(source, target)
    elif form == "zip":
        pack(source, tmp_path / FOLDER)
    else:
        rewrite(source, target, ",", has_header=True)
        added = ["unit_source_concept_id", "measurement_event_id", "meas_event_field_concept_id"]
        table = pl.read_csv(target / "measurement.csv", infer_schema=False).drop(added)
        table.write_csv(target / "measurement.csv")
        about = (target / "cdm_source.csv").read_text(encoding="utf-8")
        (target / "cdm_source.csv").write_text(about.replace(",5.4,", ",v5.3.1,"))
    study = (folder / "omop" / "study.toml").read_text(encoding="utf-8")
    (tmp_path / "study.toml").write_text(study, encoding="utf-8")
    again = read_folder(tmp_path)
    for name, table in omop.tables.items():
        assert without_places(again.tables[name]).equals(without_places(table)), name
