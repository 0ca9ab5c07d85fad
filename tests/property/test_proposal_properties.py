"""Proposals: the order of rows is no evidence, any file gives a study file, ours reads as it is."""

from __future__ import annotations

import tempfile
import tomllib
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.definitions.load import read_rulebook
from heliotrope.ingest import read_records
from heliotrope.ingest.proposal.propose import write_proposal
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import StudyFile, read_study

SHIPPED = cache(read_rulebook)

HEADERS = ["id", "date", "CK", "CK ULN", "mmt", "gender", "dob", "drug", "dose", "test", "result",
           "first name", "vas", "event", "grade", "x"]  # fmt: skip
CELLS = st.one_of(
    st.integers(0, 400).map(str),
    st.sampled_from(["", "NA", "CK", "IVIG", "prednisone", "f", "1,234", "03/04/2020", "2020-01-31",
                     "fever", "=x", '"', "a\nb", "Ä", "1.5", "]]", "# no", "44000"]),
    # a file with a zero byte is taken for UTF-16, and refused where it is not
    st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=6),
)  # fmt: skip


def propose(header: list[str], rows: list[list[str]]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study" / "export.csv"
        path.parent.mkdir()
        frame = pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String), orient="row")
        frame.write_csv(path, quote_style="always")
        return write_proposal(path.parent, [path], SHIPPED()).path.read_text(encoding="utf-8")


@st.composite
def tables(draw) -> tuple[list[str], list[list[str]]]:
    header = draw(st.lists(st.sampled_from(HEADERS), min_size=1, max_size=8, unique=True))
    row = st.lists(CELLS, min_size=len(header),
                   max_size=len(header))  # fmt: skip
    return header, draw(st.lists(row, min_size=1, max_size=8))


@settings(max_examples=60, deadline=None)
@given(tables())
def test_any_table_gives_a_study_file_and_every_column_stands_in_it(table):
    header, rows = table
    text = propose(header, rows)
    StudyFile.model_validate(tomllib.loads(text))
    for name in header:
        assert f'= "{name}"' in text or f"\n#   {name} (" in text, name


@settings(max_examples=30, deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_no_evidence(table, random):
    header, rows = table
    assert propose(header, rows) == propose(header, random.sample(rows, len(rows)))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_cohort_under_our_own_names_is_read_as_without_a_mapping(tmp_path, seed):
    write_simulated_study(SimulationOrder(12, seed, "csv"), tmp_path / "cohort")
    write_proposal(tmp_path / "study", [tmp_path / "cohort"], SHIPPED())
    plain = read_records(read_study(tmp_path / "cohort"), SHIPPED())
    proposed = read_records(read_study(tmp_path / "study"), SHIPPED())
    for table, rows in plain.tables.items():
        assert proposed.tables[table].equals(rows), table
    assert "mapping_unconfirmed" not in set(proposed.findings["rule"])
