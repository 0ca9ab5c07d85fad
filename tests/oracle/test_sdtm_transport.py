"""SAS transport files read by this program and by ReadStat, which others use."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pyreadstat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliotrope.errors import UserError
from heliotrope.ingest.sdtm.transport import read_numbers, read_transport_rows, write_numbers
from heliotrope.ingest.sdtm.transport_header import TransportHeader, read_transport_header

NUMBERS = [0.0, 1.0, -1.0, 0.1, 0.025, 1e-9, 123456.789, 850.0, 9.7e12, None]
TEXTS = ["Müller", "naïve ", "", "a", "日本", "x" * 200, "O'Neil", "-", "end", "1/2"]


def write(path: Path, rows: pl.DataFrame, version: int = 5, **more) -> Path:
    pyreadstat.write_xport(rows, path, table_name="LB", file_format_version=version, **more)
    return path


def read(path: Path, encoding: str = "utf-8") -> tuple[TransportHeader, pl.DataFrame]:
    content = path.read_bytes()
    stream = io.BytesIO(content)
    header = read_transport_header(stream, path.name)
    blocks = read_transport_rows(stream, header, len(content), path.name, encoding)
    return header, pl.concat(list(blocks))


@pytest.fixture
def rows() -> pl.DataFrame:
    return pl.DataFrame({"LBORRES": TEXTS, "LBSTRESN": NUMBERS})


@pytest.mark.parametrize("version", [5, 8])
def test_every_cell_is_the_one_that_readstat_reads(tmp_path, rows, version) -> None:
    path = write(tmp_path / "lb.xpt", rows, version)
    header, cells = read(path)
    theirs, _ = pyreadstat.read_xport(path, output_format="polars")
    assert header.version == version
    assert header.name == "LB"
    assert cells["0"].to_list() == theirs["LBORRES"].to_list()
    assert cells["1"].to_list() == write_numbers(theirs["LBSTRESN"]).to_list()
    assert cells["1"].to_list()[4:7] == ["0.025", "1e-09", "123456.789"]


def test_version_8_keeps_long_names_and_labels(tmp_path) -> None:
    name, label = (
        "A_NAME_OF_MORE_THAN_EIGHT",
        "a label of more than forty letters, as it was written",
    )
    rows = pl.DataFrame({name: ["x", "y"], "N": [1.0, 2.0]})
    path = write(tmp_path / "lb.xpt", rows, 8, column_labels={name: label, "N": "short"})
    header, cells = read(path)
    assert [(item.name, item.label) for item in header.variables] == [(name, label), ("N", "short")]
    assert cells.rows() == [("x", "1"), ("y", "2")]


@given(st.lists(st.floats(-1e60, 1e60).filter(lambda x: x == 0 or abs(x) > 1e-60), min_size=1))
def test_a_number_survives_with_fifteen_digits(numbers: list[float]) -> None:
    cells = np.array([to_ibm(number) for number in numbers], dtype=np.uint8)
    found = [float(text) for text in read_numbers(cells).to_list()]
    for before, after in zip(numbers, found, strict=True):
        assert after == pytest.approx(before, rel=1e-14, abs=0)


def to_ibm(number: float) -> list[int]:
    """Write a number in IBM's form, digit by digit of base 16."""
    if number == 0:
        return [0] * 8
    size, power = abs(number), 64
    while size >= 1:
        size, power = size / 16, power + 1
    while size < 1 / 16:
        size, power = size * 16, power - 1
    fraction = round(size * 2**56)
    return list(struct.pack(">Q", ((power + (128 if number < 0 else 0)) << 56) | fraction))


def test_numbers_cut_to_fewer_bytes_and_missing_ones_are_read() -> None:
    cells = np.array(
        [to_ibm(850.0), [0x2E] + [0] * 7, [0x41] + [0] * 7, [0x5F] + [0] * 7], np.uint8
    )
    assert read_numbers(cells).to_list() == ["850", None, None, None]
    assert read_numbers(cells[:1, :4]).to_list() == ["850"]


def test_short_rows_are_not_mixed_up_with_what_fills_the_last_record(tmp_path) -> None:
    for count in range(1, 12):
        path = write(tmp_path / f"{count}.xpt", pl.DataFrame({"A": ["x"] * count}))
        assert read(path)[1].height == count


@pytest.mark.parametrize("cut", [1, 79, 80, 800, 4000])
def test_a_file_cut_off_is_an_error_where_readstat_returns_fewer_rows(tmp_path, cut) -> None:
    rows = pl.DataFrame({"A": ["x" * 150] * 60, "B": [1.0] * 60})
    path = write(tmp_path / "lb.xpt", rows)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    theirs, _ = pyreadstat.read_xport(path, output_format="polars")
    assert theirs.height < 60 or cut == 1
    with pytest.raises(UserError, match="cut off"):
        read(path)


def test_a_file_cut_off_within_its_header_is_an_error(tmp_path, rows) -> None:
    path = write(tmp_path / "lb.xpt", rows)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(UserError, match="cut off"):
        read(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"**COMPRESSED** **COMPRESSED** ".ljust(80), "PROC CPORT"),
        (b"\x00" * 12 + b"\xc2\xea\x81\x60" + b"\x00" * 64, "sas7bdat"),
        (b"PK\x03\x04".ljust(80), "begins with"),
        (b"USUBJID,SEX\nP1,F\n".ljust(80), "begins with"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path, content, said) -> None:
    path = tmp_path / "dm.xpt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        read(path)


def test_two_datasets_in_one_file_are_refused(tmp_path, rows) -> None:
    path = write(tmp_path / "lb.xpt", rows)
    content = path.read_bytes()
    path.write_bytes(content + content[content.index(b"HEADER RECORD*******MEMBER") :])
    with pytest.raises(UserError, match=r"one dataset a file|cut off"):
        read(path)
