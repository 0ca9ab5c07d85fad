"""Say what stands in a column, as evidence: ranges, codes and shapes, never who it is about."""

from __future__ import annotations

from heliotrope.definitions.mapping_words import Doubt
from heliotrope.ingest.proposal.profile import ColumnProfile


def say_counts(column: ColumnProfile) -> str:
    """Say how many cells are filled and how many different values there are."""
    return f"{column.filled:,} filled, {len(column.counts):,} different"


def say_looks(column: ColumnProfile, doubt: Doubt, *, is_placed: bool = False) -> str:
    """Say what the cells look like.

    Rule: a range for numbers, the pattern for dates, the values where they are few words that
    repeat; else only their shape. Nothing of a column that identifies persons, and no whole number
    long enough to be one's number (unless the column ``is_placed`` as a measure), is shown.
    """
    if column.is_blank:
        return "empty"
    if column.is_identifying:
        return f"looks like {column.shape}"
    if column.dates.share >= doubt.values_possible and not column.dates.is_excel:
        return f"dates like {column.shape}"
    if column.share_of_numbers >= doubt.values_certain:
        return _say_range(column, doubt, is_placed=is_placed)
    if has_codes(column, doubt):
        shown = list(column.counts)[: doubt.most_shown]
        more = (
            f" and {len(column.counts) - len(shown)} more"
            if len(column.counts) > len(shown)
            else ""
        )
        return f"words: {', '.join(shown)}{more}"
    return f"text like {column.shape}"


def _say_range(column: ColumnProfile, doubt: Doubt, *, is_placed: bool) -> str:
    low, high = column.span
    is_long = high >= 10 ** (doubt.digits_of_identifier - 1)
    if not is_placed and is_long:
        return f"numbers like {column.shape}"
    if has_codes(column, doubt) and not is_placed:
        return f"numbers {', '.join(sorted(column.counts)[: doubt.most_shown])}"
    return f"numbers {low:,g} to {high:,g}" if high < 1e6 else f"numbers {low:g} to {high:g}"


def has_codes(column: ColumnProfile, doubt: Doubt) -> bool:
    """Say whether a column holds a few short words or numbers that repeat."""
    return (
        0 < len(column.counts) <= doubt.most_codes
        and 2 * len(column.counts) <= column.filled
        and all(len(text) <= doubt.longest_shown for text in column.counts)
    )
