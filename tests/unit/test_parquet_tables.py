"""Tables as Parquet: the same study as its text files, and what cannot be read is said."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.ingest import read_records
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study
from heliotrope.study import read_study


def test_a_cohort_as_parquet_is_the_cohort_as_text(tmp_path: Path) -> None:
    rulebook = read_rulebook()
    read = {}
    for form in ("csv", "parquet"):
        write_simulated_study(SimulationOrder(12, 4, form), tmp_path / form)
        read[form] = read_records(read_study(tmp_path / form), rulebook)
        assert read[form].accounting["rows_quarantined"].sum() == 0
    for table, rows in read["csv"].tables.items():
        others = read["parquet"].tables[table]
        key = [name for name in rows.columns if name != "row_id"]
        assert_frame_equal(
            rows.drop("row_id").sort(key, nulls_last=True),
            others.drop("row_id").sort(key, nulls_last=True),
        )
    assert sum(rows.height for rows in read["csv"].tables.values()) > 500


def test_a_damaged_parquet_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "infusion.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(UserError, match="a Parquet file"):
        read_records(read_study(tmp_path), read_rulebook())


def test_a_column_of_lists_is_said(tmp_path: Path) -> None:
    rows = pl.DataFrame({"patient_id": ["P1"], "date": ["2018-01-01"], "dose": [[20.0]]})
    rows.write_parquet(tmp_path / "infusion.parquet")
    with pytest.raises(UserError, match="column dose"):
        read_records(read_study(tmp_path), read_rulebook())
