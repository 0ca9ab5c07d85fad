"""Transport files of the ADaM-shaped set as R reads them (package foreign)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.report.adam.write import write_adam
from heliotrope.report.read_run import RunTables


def test_r_reads_the_same_rows_and_sums(
    run_r: Callable[[str], str], seven_run: Path, tmp_path: Path
) -> None:
    if run_r('cat(requireNamespace("foreign", quietly = TRUE))').strip() != "TRUE":
        message = "the R package foreign is missing: install r-cran-foreign"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder = tmp_path / "set"
    write_adam(RunTables(seven_run), read_rulebook(), folder)
    for name, column in (("adsl", "COURSES"), ("adlb", "AVAL"), ("adtte", "CNSR")):
        printed = run_r(
            f"""d <- foreign::read.xport("{folder / name}.xpt"); options(digits = 15)
            cat(nrow(d), ncol(d), sum(d${column}, na.rm = TRUE),
                sum(as.numeric(d$TRTSDT), na.rm = TRUE), names(d))"""
        ).split()
        frame = pl.read_parquet(folder / f"{name}.parquet")
        assert [int(word) for word in printed[:2]] == [frame.height, frame.width]
        assert float(printed[2]) == pytest.approx(float(frame[column].sum()))
        since_1960 = frame.select(
            (pl.col("TRTSDT") - pl.date(1960, 1, 1)).dt.total_days().sum()
        ).item()
        assert float(printed[3]) == since_1960
        assert printed[4:] == frame.columns
