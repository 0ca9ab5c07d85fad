"""Build what many small files laid out alike at once: an export of a bundle a child has thousands.

The columns of Polars cost as much for ten rows as for ten thousand. Where nothing about a table
needs proof from its own cells, tables of the same layout are stacked, built once and taken apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.ingest.build import BUILDERS
from heliotrope.ingest.build_assessment import build_assessment
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.settle import Settled, settle
from heliotrope.ingest.staged import Staged
from heliotrope.records.row_id import RECORD_BITS, compute_row_id, compute_source_cell


def settle_all(staged: Sequence[Staged], context: ReadContext) -> Iterator[tuple[str, Settled]]:
    """Build and settle all that was laid out; gives each canonical table's name and its rows.

    The rows, problems and records left out are the same as one by one, but for their order.
    """
    alike: dict[object, list[Staged]] = {}
    for item in staged:
        key = _describe_layout(item)
        if key is None:
            yield item.table, _settle_one(item, context)
        else:
            alike.setdefault(key, []).append(item)
    for items in alike.values():
        for stack in _stack(items):
            yield items[0].table, _settle_stack(stack, context)


def _settle_one(item: Staged, context: ReadContext) -> Settled:
    build = BUILDERS.get(item.table, build_assessment)
    return settle(item, build(item, context), context.rules)


def _describe_layout(item: Staged) -> object | None:
    """Return what tables have in common that can be stacked; None for one that stands alone.

    A decimal sign or an order of dates that is not declared is proven by the cells of a file, and
    a file with rows cut off is looked at by itself.
    """
    is_open = item.format.decimal is None or item.format.date_format is None or item.dates
    has_own = item.measures or item.raw.refused.height or item.problems["row_id"].count()
    if is_open or has_own:
        return None
    columns = tuple(item.rows.schema.items())
    return item.table, item.value_column, tuple(item.numbers.items()), columns, item.format


@dataclass(frozen=True)
class _Stack:
    """Tables stacked: the record of each is counted from where the one before ends."""

    items: tuple[Staged, ...]
    starts: tuple[int, ...]

    def take_apart(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Give every row its own source and record again, and its row_id with them."""
        record = frame["record"]
        place = pl.Series(self.starts, dtype=pl.Int64).search_sorted(record, side="right") - 1
        source = pl.Series([item.source for item in self.items], dtype=pl.Int64).gather(place)
        own = record - pl.Series(self.starts, dtype=pl.Int64).gather(place)
        column = compute_source_cell(pl.col("row_id"))[2]
        return frame.with_columns(
            compute_row_id(pl.lit(source), pl.lit(own), column).alias("row_id"),
            record=own,
            **({"source": source} if "source" in frame.columns else {}),
        )


def _stack(items: Sequence[Staged]) -> Iterator[_Stack]:
    """Stack tables as far as their records can be counted."""
    held: list[Staged] = []
    starts: list[int] = []
    end = 0
    for item in items:
        size = 1 + max(_last_record(frame) for frame in (item.rows, item.ignored, item.problems))
        if held and end + size >= 1 << RECORD_BITS:
            yield _Stack(tuple(held), tuple(starts))
            held, starts, end = [], [], 0
        held.append(item)
        starts.append(end)
        end += size
    yield _Stack(tuple(held), tuple(starts))


def _last_record(frame: pl.DataFrame) -> int:
    last = frame["record"].max()
    return int(last) if isinstance(last, int) else 0


def _settle_stack(stack: _Stack, context: ReadContext) -> Settled:
    if len(stack.items) == 1:
        return _settle_one(stack.items[0], context)
    parts = {
        name: pl.concat(
            [
                getattr(item, name).with_columns(pl.col("record") + start)
                for item, start in zip(stack.items, stack.starts, strict=True)
            ]
        )
        for name in ("rows", "ignored", "problems")
    }
    settled = _settle_one(replace(stack.items[0], source=0, **parts), context)
    return Settled(
        stack.take_apart(settled.rows),
        stack.take_apart(settled.problems),
        stack.take_apart(settled.left_out),
    )
