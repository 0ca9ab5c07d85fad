"""Words are kept as numbers of a dictionary inside a shard; its files know strings only."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from heliotrope.execution.shards import read_parts, write_part
from heliotrope.records.row_order import pack_key, sort_rows

WORDS = ["met", None, "not_met", "é", "met"]


def make_rows() -> pl.DataFrame:
    """Words three times: as strings, and as numbers of two kinds of dictionaries."""
    words = pl.Series("spelt", WORDS)
    children = pl.Enum(["not_met", "met", "é", "never used"])
    return pl.DataFrame(
        [words, words.cast(pl.Categorical).alias("coded"), words.cast(children).alias("numbered")]
    ).with_columns(value=pl.Series([1.5, None, 2.0, 0.0, -1.0]))


def test_a_part_holds_strings_whatever_they_were_kept_as(tmp_path: Path) -> None:
    rows = make_rows()
    write_part(rows, tmp_path, "trace", 0)
    write_part(rows.clear(), tmp_path, "trace", 1)
    read = read_parts(tmp_path, "trace")
    strings = dict.fromkeys(("spelt", "coded", "numbered"), pl.String)
    assert_frame_equal(read, rows.cast(strings))
    (part, _) = sorted((tmp_path / "trace.parquet").iterdir())
    assert pl.read_parquet_schema(part) == pl.Schema(strings | {"value": pl.Float64})


@pytest.mark.parametrize("name", ["spelt", "coded"])
def test_words_are_sorted_as_they_are_spelt(name: str) -> None:
    assert sort_rows(make_rows(), [name])[name].to_list() == [None, "met", "met", "not_met", "é"]


def test_an_enum_is_sorted_in_its_own_order() -> None:
    order = pack_key(make_rows(), ["numbered"]).arg_sort().to_list()
    assert [WORDS[place] for place in order] == [None, "not_met", "met", "met", "é"]
