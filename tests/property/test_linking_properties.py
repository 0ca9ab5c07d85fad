"""Several sources: no order of rows, of the link table or of the entries changes anything."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.definitions.load import read_rulebook
from heliotrope.ingest import Ingested, read_records
from heliotrope.study import read_study

SHIPPED = cache(read_rulebook)

ENTRIES = {
    "a.csv": '[[source]]\nfile = "a.csv"\ntable = "infusion"\n',
    "b.csv": '[[source]]\nfile = "b.csv"\ntable = "infusion"\n',
}
LINK = '[[link]]\nsource = "b.csv"\nfile = "key.csv"\nfrom = "theirs"\nto = "ours"\n'
PRECEDENCE = '[precedence]\ninfusion = ["b.csv", "a.csv"]\n'

# (child, day of January, grams or none)
RECORDS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 5), st.sampled_from(["20", "25", ""])),
    min_size=1,
    max_size=10,
)


def write(folder: Path, first: list[str], second: list[str], key: list[str], order: list[str]):
    header = "patient_id,date,dose,dose_unit,route"
    (folder / "a.csv").write_text("\n".join([header, *first]) + "\n")
    (folder / "b.csv").write_text("\n".join([header, *second]) + "\n")
    (folder / "key.csv").write_text("\n".join(["theirs,ours", *key]) + "\n")
    entries = "".join(ENTRIES[name] for name in order)
    (folder / "study.toml").write_text(entries + LINK + PRECEDENCE)


def read(*parts: list[str]) -> Ingested:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), *parts)
        return read_records(read_study(Path(folder)), SHIPPED())


def lines(records: list[tuple[int, int, str]], prefix: str) -> list[str]:
    return [f"{prefix}{child},2019-01-0{day},{dose},g,iv" for child, day, dose in records]


def content(got: Ingested) -> list[tuple[object, ...]]:
    rows = got.tables["infusion"].select("patient_id", "date", "dose")
    return sorted(rows.rows(), key=str)


def said(got: Ingested) -> list[tuple[object, ...]]:
    rules = ["superseded_by_source", "sources_disagree", "id_not_in_link"]
    counted = got.accounting.select("file", "rows_used", "rows_ignored", "rows_quarantined")
    kinds = got.findings.filter(pl.col("rule").is_in(rules)).select("rule", "file").unique()
    return sorted([*counted.rows(), *kinds.rows()], key=str)


@settings(max_examples=25, deadline=None)
@given(RECORDS, RECORDS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_no_order_of_rows_or_entries_matters(first, second, known, random):
    key = [f"K{child},P{child}" for child in range(1, known + 1)]
    plain = (lines(first, "P"), lines(second, "K"), key, ["a.csv", "b.csv"])
    mixed = tuple(random.sample(part, len(part)) for part in plain)
    one, two = read(*plain), read(*mixed)
    assert content(one) == content(two)
    assert said(one) == said(two)


@settings(max_examples=25, deadline=None)
@given(RECORDS, RECORDS)
def test_one_source_alone_decides_each_day_and_nothing_is_averaged(first, second):
    key = [f"K{child},P{child}" for child in range(1, 5)]
    got = read(lines(first, "P"), lines(second, "K"), key, ["a.csv", "b.csv"])
    names = dict(got.source.select("source", "file").unique().iter_rows())
    rows = got.tables["infusion"].with_columns(
        file=(pl.col("row_id") // (1 << 48)).replace_strict(names, return_dtype=pl.String)
    )
    files = rows.group_by("patient_id", "date").agg(pl.col("file").n_unique(), pl.col("dose"))
    assert files["file"].to_list() == [1] * files.height
    assert set(rows["dose"].drop_nulls()) <= {20.0, 25.0}
    days = {(child, day) for child, day, _ in [*first, *second]}
    assert files.height == len(days), "no day is lost"
    dosed = {(child, day) for child, day, dose in [*first, *second] if dose}
    assert files.filter(pl.col("dose").list.drop_nulls().list.len() > 0).height == len(dosed)
