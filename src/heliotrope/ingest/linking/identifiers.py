"""Find children who may stand under two identifiers in two sources: nothing is ever guessed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from heliotrope.ingest.delivery import Numbered

_MOST_LISTED = 10

# Ways in which one identifier is written twice, the closest first.
_LIKE = (
    "but for case, spaces and signs",
    "but for leading zeros",
    "but for what stands before the number",
)


def _squeeze(ids: pl.Series, how: str) -> pl.Series:
    """Write identifiers so that those that are alike in one way become the same."""
    if how == _LIKE[2]:
        return ids.str.extract(r"(\d+)\D*$").str.strip_chars_start("0")
    plain = ids.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]", "")
    return plain if how == _LIKE[0] else plain.str.replace_all(r"(^|\p{L})0+(\d)", "${1}${2}")


@dataclass(frozen=True)
class Named:
    """The identifiers that a source uses for a canonical table, translated, each once."""

    source: str
    table: str
    ids: pl.Series


def gather_identifiers(numbered: Numbered) -> list[Named]:
    """Return the identifiers that each table laid out uses, translated where a link table does."""
    return [
        Named(
            numbered.source_name(staged.source),
            staged.table,
            staged.rows["patient_id"].drop_nulls().unique(),
        )
        for staged in numbered.staged
        if "patient_id" in staged.rows.columns
    ]


def join_identifiers(named: Sequence[Named]) -> pl.Series:
    """Return all identifiers, each once."""
    none = pl.Series("patient_id", dtype=pl.String)
    return pl.concat([none, *(item.ids for item in named)]).unique()


def part_by_source(named: Sequence[Named]) -> dict[str, pl.Series]:
    """Return the identifiers of each source, sorted."""
    sources = sorted({item.source for item in named})
    return {
        source: join_identifiers([item for item in named if item.source == source]).sort()
        for source in sources
    }


def check_identifiers(ids: Mapping[str, pl.Series]) -> Iterator[tuple[str, str]]:
    """Find identifiers of two sources that are nearly one; yields (rule, what was found).

    Only identifiers that the other source does not have are compared, and only with those that
    it alone has: P01 beside P-01 is said, P01 beside P01 is one child.
    """
    for (one, first), (two, second) in combinations(ids.items(), 2):
        if first.is_empty() or second.is_empty():
            continue
        left = first.filter(~first.is_in(second.implode()))
        right = second.filter(~second.is_in(first.implode()))
        if left.len() == first.len():
            said = f"{one} ({first.len():,} children) and {two} ({second.len():,} children)"
            yield "sources_share_no_child", said
        if left.is_empty() or right.is_empty():
            continue
        listed = set[tuple[str, str]]()
        for how in _LIKE:
            pairs = _pair(left, right, _squeeze(left, how), _squeeze(right, how))
            fresh = [pair for pair in pairs if pair not in listed]
            listed |= set(fresh)
            if fresh:
                yield "identifiers_nearly_match", _say_pairs(one, two, fresh, how)


def _pair(
    left: pl.Series, right: pl.Series, left_key: pl.Series, right_key: pl.Series
) -> list[tuple[str, str]]:
    one = pl.DataFrame({"left": left, "key": left_key})
    two = pl.DataFrame({"right": right, "key": right_key})
    both = one.join(two, on="key").filter(pl.col("key") != "").sort("left", "right")
    return list(both.select("left", "right").iter_rows())


def _say_pairs(one: str, two: str, pairs: list[tuple[str, str]], how: str) -> str:
    shown = ", ".join(f"{left} and {right}" for left, right in pairs[:_MOST_LISTED])
    more = f" and {len(pairs) - _MOST_LISTED:,} more pairs" if len(pairs) > _MOST_LISTED else ""
    return f"{one} and {two} have the same identifiers {how}: {shown}{more}"
