"""A form whose rows wait where they are: surveyed by its reader, then cut bucket by bucket.

Its rows are laid out once, by its own reader, when the study is cut: what the columns of the whole
study prove of how numbers and dates are written is put together from the buckets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl

from heliotrope.ingest.apart import Apart
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.delivery import Bucket, Delivery, Numbered, make_bucket
from heliotrope.ingest.linking.identifiers import Named
from heliotrope.ingest.linking.link_table import LinkTable, translate_children, translate_staged
from heliotrope.ingest.proofs import Proofs, join_shown, prove_columns, show_columns
from heliotrope.ingest.spool import Spool, read_packed, write_packed
from heliotrope.ingest.staged import ColumnKey, Staged
from heliotrope.records.shard import find_shards

# What is told apart among the rows laid out of a source: two of them read different cells.
_Key = tuple[int, str, int, tuple[tuple[str, int], ...]]


@dataclass(frozen=True)
class Known:
    """What is known of the rows of a source that are laid out alike, from all buckets.

    empty: how they are laid out, without rows. proven: how their columns are written.
    """

    empty: Staged
    proven: Mapping[ColumnKey, str]


Proven = Mapping[_Key, Known]


@dataclass(frozen=True)
class Waiting:
    """The rows of one source that wait, the links of its identifiers, and its sources' numbers.

    numbers: of those with such rows, by file and sheet.
    """

    name: str
    apart: Apart
    links: Mapping[int, LinkTable]
    numbers: Mapping[tuple[str, str | None], int]

    @property
    def filled(self) -> frozenset[int]:
        """Return the numbers of its sources that have rows which wait."""
        return frozenset(self.numbers.values())

    def name_children(self) -> tuple[Named, Named]:
        """Return whose identifiers it uses, translated: all, and those with immunoglobulin."""
        return (
            Named(self.name, "patient", self.translate(self.apart.children)),
            Named(self.name, "infusion", self.translate(self.apart.infused)),
        )

    def translate(self, children: pl.Series) -> pl.Series:
        """Translate identifiers by every link, one after another."""
        for link in self.links.values():
            children = translate_children(children, link)
        return children

    def show_links(self) -> dict[int, pl.Series]:
        """Return by the number of each link the identifiers that it is asked for."""
        shown, children = {}, self.apart.children
        for number, link in self.links.items():
            shown[number] = children
            children = translate_children(children, link)
        return shown


def list_waiting(deliveries: Sequence[Delivery], links: Sequence[LinkTable]) -> list[Waiting]:
    """List the deliveries with rows that wait; their sources are numbered later."""
    return [
        Waiting(
            item.source or "",
            item.apart,
            {number: link for number, link in enumerate(links) if link.link.source == item.source},
            {},
        )
        for item in deliveries
        if item.apart is not None
    ]


def number_waiting(waiting: Waiting, numbered: Numbered) -> Waiting:
    """Number the sources of rows that wait."""
    raws = next(item.raws for item in numbered.deliveries if item.apart is waiting.apart)
    numbers = {(raw.file, raw.sheet): numbered.number_of(raw) for raw in raws if raw.on_disk}
    return replace(waiting, numbers=numbers)


@dataclass(frozen=True)
class Cutting:
    """Where the rows of a source go, and who hears of it."""

    folder: Path
    buckets: int
    context: ReadContext
    tell: Callable[[str, int, int], None]


def cut_waiting(waiting: Waiting, place: int, cutting: Cutting) -> Proven:
    """Part the rows of a source and lay out bucket by bucket; gives what its columns prove.

    ``place``: its number among the sources with rows that wait.
    Errors: a column that can be read in two ways: UserError; a full disk: OSError.
    """
    spool = Spool(cutting.folder / f"parted-{place}")
    spool.folder.mkdir()
    say = partial(cutting.tell, f"parting {waiting.apart.step}")
    say(0, cutting.buckets)
    waiting.apart.part(
        spool, lambda children: find_shards(waiting.translate(children), cutting.buckets)
    )
    shown: dict[_Key, Proofs] = {}
    empty: dict[_Key, Staged] = {}
    for bucket in range(cutting.buckets):
        laid = _number(waiting, waiting.apart.lay_out(spool, bucket))
        spool.drop(bucket)
        for staged in laid.staged:
            found = show_columns(staged, cutting.context)
            shown[_key(staged)] = join_shown(shown.get(_key(staged), {}), found)
            empty.setdefault(_key(staged), _clear(staged))
        write_packed(_path(cutting.folder, place, bucket), laid)
        say(bucket + 1, cutting.buckets)
    spool.folder.rmdir()
    return {key: Known(empty[key], prove_columns(proofs)) for key, proofs in shown.items()}


def load_waiting(folder: Path, place: int, bucket: int, proven: Proven) -> Bucket:
    """Read the rows of one bucket of a source that waited."""
    laid: Bucket = read_packed(_path(folder, place, bucket))
    here = {_key(item) for item in laid.staged}
    # the cells that are read of a source are the same, whether a bucket has rows of each sort
    absent = [
        replace(known.empty, raw=laid.raws[known.empty.source])
        for key, known in proven.items()
        if key not in here and known.empty.source in laid.raws
    ]
    staged = tuple(
        replace(item, proven=proven[_key(item)].proven) for item in (*laid.staged, *absent)
    )
    return replace(laid, staged=staged)


def _path(folder: Path, place: int, bucket: int) -> Path:
    return folder / f"waited-{place}-{bucket:05}.pickle"


def _clear(staged: Staged) -> Staged:
    """Keep of what was laid out how it is, without rows."""
    raw = replace(staged.raw, cells=staged.raw.cells.clear(), records=None)
    frames = {name: getattr(staged, name).clear() for name in ("rows", "ignored", "problems")}
    return replace(staged, raw=raw, **frames)


def _key(staged: Staged) -> _Key:
    return staged.source, staged.table, staged.value_column, tuple(sorted(staged.numbers.items()))


def _number(waiting: Waiting, laid: Delivery) -> Bucket:
    """Give what was laid out of a bucket under the numbers that the study has for its sources."""
    numbers = {id(raw): waiting.numbers.get((raw.file, raw.sheet)) for raw in laid.raws}
    by_raw = {place: number for place, number in numbers.items() if number is not None}
    staged = []
    for item in laid.staged:
        if id(item.raw) not in by_raw:
            continue
        for link in waiting.links.values():
            item = translate_staged(item, link)
        staged.append(replace(item, source=by_raw[id(item.raw)]))
    raws = {by_raw[id(raw)]: raw for raw in laid.raws if id(raw) in by_raw}
    return make_bucket(raws, by_raw, tuple(staged), laid.joined, laid.left_out)
