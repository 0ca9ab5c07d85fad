"""What must hold of reading whatever is read: nothing is lost, units and dates go round."""

from __future__ import annotations

import string
import tempfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.vocabulary import CellFormats
from heliotrope.errors import UserError
from heliotrope.ingest import read_records
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.dates import (
    DateWords,
    compute_months_between,
    compute_years_between,
    parse_date,
    prove_order,
)
from heliotrope.records.row_id import SourceCell, pack_row_id, unpack_row_id
from heliotrope.records.units import UNITS, find_conversion
from heliotrope.study import read_study


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


@pytest.fixture(scope="module")
def words(rulebook: Rulebook) -> DateWords:
    (formats,) = rulebook.of_kind(CellFormats)
    return DateWords(
        formats.month_names,
        frozenset(formats.unknown_date_parts),
        formats.first_year,
        formats.last_year,
    )


@given(st.integers(0, (1 << 15) - 1), st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 16) - 1))
def test_a_row_id_goes_round(source, record, column):
    cell = SourceCell(source, record, column)
    packed = pack_row_id(cell)
    assert 0 <= packed < 1 << 63
    assert unpack_row_id(packed) == cell


PAIRS = [(a.name, b.name) for a in UNITS for b in UNITS if a.dimension == b.dimension]


@given(st.sampled_from(PAIRS), st.decimals(-1000, 100000, places=3))
def test_a_unit_there_and_back_is_the_same_number(pair, number):
    there, back = find_conversion(*pair), find_conversion(pair[1], pair[0])
    value = float(number)
    assert back.convert(there.convert(value)) == pytest.approx(value, rel=1e-12, abs=1e-9)
    # exactly, not nearly: the factors are inverse ratios
    assert there.factor * back.factor == 1


@given(st.sampled_from(PAIRS), st.decimals(0, 1000, places=2))
def test_a_column_converts_as_a_single_number_does(pair, number):
    conversion = find_conversion(*pair)
    column = pl.DataFrame({"value": [float(number)]}).select(conversion.compute(pl.col("value")))
    assert column.item() == conversion.convert(float(number))


WRITTEN = ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d %B %Y", "%d-%b-%Y", "%B %d, %Y", "%Y-%m-%dT%H:%M"]


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)), st.sampled_from(WRITTEN))
def test_a_date_whose_order_is_plain_needs_no_proof(words, day, form):
    read = parse_date(day.strftime(form), words)
    assert read.read_as(None).day == day


@given(
    st.lists(st.dates(date(1990, 1, 1), date(2030, 12, 31)), min_size=1, max_size=30),
    st.sampled_from([("%d/%m/%Y", "DMY"), ("%m/%d/%Y", "MDY"), ("%d.%m.%Y", "DMY")]),
)
def test_a_column_is_read_right_or_called_ambiguous_never_wrong(words, days, form):
    written, order = form
    texts = {day.strftime(written): day for day in days}
    proof = prove_order({text: parse_date(text, words) for text in texts})
    if proof.ambiguous:
        assert all(day.day <= 12 for day in days)
        return
    for text, day in texts.items():
        assert parse_date(text, words).read_as(proof.order).day == day
    assert proof.order in (order, None)


@given(st.text(max_size=30))
def test_no_text_breaks_the_date_reader_or_lands_on_the_first_of_january_unasked(words, text):
    read = parse_date(text, words)
    placed = read.certain
    if placed is not None and placed.precision != "day":
        assert (placed.day.month, placed.day.day) != (1, 1)


@given(st.dates(date(1950, 1, 1), date(2100, 1, 1)), st.integers(0, 40000))
def test_months_and_years_count_whole_ones(start, days):
    end = date.fromordinal(start.toordinal() + days)
    frame = pl.DataFrame({"a": [start], "b": [end]})
    months = frame.select(compute_months_between(pl.col("a"), pl.col("b"))).item()
    years = frame.select(compute_years_between(pl.col("a"), pl.col("b"))).item()
    assert years == months // 12

    # the last whole month ends on or before the end, the next one after it
    def later(count: int) -> date:
        first = date(
            start.year + (start.month - 1 + count) // 12, (start.month - 1 + count) % 12 + 1, 1
        )
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        length = following.toordinal() - first.toordinal()
        return first.replace(day=min(start.day, length))

    assert later(months) <= end < later(months + 1)


CELLS = st.one_of(
    st.sampled_from(
        ["P1", "P2", "", "NA", "2018-01-05", "2018-02", "31/12/2018", "soon", "cmas", "CK", "adl",
         "weight", "physician_judgement", "40", "0", "<5", "9999", "1,5", "U/L", "kg", "improved",
         "prednisone", "iv", "g", "mg/day", "fever", "flare", '"quoted"', "=1+1", "yes"]
    ),
    st.text(string.ascii_letters + string.digits + " -./%", max_size=8),
)  # fmt: skip

HEADERS = {
    "patient": ["patient_id", "sex", "birth_date", "followup_end", "note"],
    "assessment": ["patient_id", "date", "measure", "value", "unit", "upper_limit", "text"],
    "infusion": ["patient_id", "date", "time", "route", "dose", "dose_unit"],
    "medication": ["patient_id", "drug", "start_date", "end_date", "dose", "dose_unit"],
    "event": ["patient_id", "date", "kind", "term", "value", "unit", "grade"],
}


GOOD = {
    "patient_id": ["P1", "P2", "P3"],
    "date": ["2018-01-05", "2018-02-06", "2018-03-07"],
    "start_date": ["2018-01-05", "2018-02"],
    "end_date": ["2018-04-05", ""],
    "birth_date": ["2010-05-01", "2011"],
    "measure": ["cmas", "CK", "weight", "adl"],
    "value": ["40", "<5", "12.5"],
    "unit": ["", "U/L", "kg"],
    "route": ["iv", ""],
    "dose": ["20", "0.5"],
    "dose_unit": ["g", "mg/day"],
    "drug": ["prednisone", "Imuran"],
    "kind": ["adverse_event", "flare"],
}


@st.composite
def broken_files(draw: st.DrawFn) -> dict[str, str]:
    """Files of mostly good cells, some rows cut or too long, some blank, some wild."""
    files = {}
    for table in draw(st.lists(st.sampled_from(sorted(HEADERS)), min_size=1, unique=True)):
        header = HEADERS[table]
        good = st.tuples(*(st.sampled_from(GOOD.get(name, [""])) for name in header)).map(list)
        wild = st.lists(CELLS, min_size=len(header), max_size=len(header))
        mixed = st.tuples(good, wild, st.integers(0, len(header) - 1)).map(
            lambda rows: [*rows[0][: rows[2]], rows[1][rows[2]], *rows[0][rows[2] + 1 :]]
        )
        cut = good.map(lambda row: row[:-1])
        rows = draw(
            st.lists(
                st.one_of(good, good, mixed, mixed, wild, cut, st.just([""] * len(header))),
                min_size=1,
                max_size=10,
            )
        )
        files[table] = "\n".join(
            ";".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in line)
            for line in [header, *rows]
        )
    return files


@settings(max_examples=30, deadline=None)
@given(broken_files())
def test_every_row_and_cell_of_a_broken_file_is_accounted_for(rulebook, files):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for table, content in files.items():
            (folder / f"{table}.csv").write_text(content, encoding="utf-8")
        try:
            read = read_records(read_study(folder), rulebook)
        except UserError:
            return  # the file as a whole cannot be trusted, and that was said
    for table, schema in CANONICAL.items():
        assert schema.is_valid(read.tables[table])
    for counts in read.accounting.iter_rows(named=True):
        rows = files[counts["file"].removesuffix(".csv")].count("\n")
        assert counts["rows_in"] == rows
        for what in ("rows", "cells"):
            assert counts[f"{what}_in"] == sum(
                counts[f"{what}_{fate}"] for fate in ("used", "ignored", "quarantined")
            )
    # every row stands in exactly one place: made into records, quarantined whole, or left out
    made = sum(frame.height for frame in read.tables.values())
    assert made == read.accounting["canonical_rows"].sum()
    assert read.accounting["rows_quarantined"].sum() <= sum(
        frame.select("file", "row").n_unique() for frame in read.quarantine.values()
    )


MEASURED = ["creatine_kinase", "physician_global", "urine_protein_creatinine_ratio", "haemoglobin"]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(MEASURED), st.decimals("0.5", "9.5", places=1), st.data())
def test_the_unit_a_value_is_written_in_changes_nothing(rulebook, name, number, data):
    measure = measures_of(rulebook)[name]
    unit = data.draw(st.sampled_from(measure.units))
    molar = measure.molar_mass.grams_per_mole if measure.molar_mass else None
    written = find_conversion(measure.unit, unit, molar).convert(float(number))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "assessment.csv").write_text(
            f"patient_id;date;measure;value;unit\nP1;2018-01-05;{name};{written!r};{unit}\n"
        )
        read = read_records(read_study(Path(folder)), rulebook)
    assert read.tables["assessment"]["value"].to_list() == [pytest.approx(float(number), rel=1e-9)]
    assert read.tables["assessment"]["unit"].to_list() == [measure.unit]
