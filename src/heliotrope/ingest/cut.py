"""Cut a study by children, on disk: the rows of each bucket, ready to be read without the others.

A row goes to the bucket of the child it names: crc32 of the canonical identifier modulo the number
of buckets, which is the shard of the child in a run. A row that names no child goes to the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl

from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.delivery import Bucket, join_buckets
from heliotrope.ingest.laid import CHILD, Laid
from heliotrope.ingest.linking.link_table import LinkTable
from heliotrope.ingest.linking.precedence import Sources
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.spool import Spool, read_packed, write_packed
from heliotrope.ingest.staged import Staged
from heliotrope.ingest.survey import Survey, Tell, tell_bytes
from heliotrope.ingest.waiting import Cutting, Proven, cut_waiting, load_waiting
from heliotrope.records.shard import find_shards

_RECIPE = "recipe.pickle"
_BUCKET = "bucket"
_PLACED = {"record": pl.Int64, _BUCKET: pl.Int64}


@dataclass(frozen=True)
class _Recipe:
    """What every bucket needs to be read: the tables on disk, and the order of the sources.

    proven: of each form that waited, how its columns are written.
    """

    on_disk: tuple[Laid, ...]
    sources: Sources
    proven: tuple[Proven, ...]


@dataclass(frozen=True)
class _Held:
    """What of a bucket was held: its rows; and the translations of identifiers on disk."""

    bucket: Bucket
    links: Mapping[int, Mapping[int, LinkTable]]


def count_buckets(survey: Survey, shards: int) -> int:
    """Say into how many buckets a study can be cut: as many as shards, or one.

    One where nothing is on disk: then all rows are held, and are read at once; and where a row
    names children of several buckets, since each row is accounted for once.
    """
    if survey.is_held or shards == 1:
        return 1
    places = _place_held(survey, shards).values()
    return 1 if any(place["record"].is_duplicated().any() for place in places) else shards


def cut_study(survey: Survey, buckets: int, folder: Path, tell: Tell) -> None:
    """Write the rows of every bucket into a folder, which must be empty.

    Errors: a file that is no longer what was looked through: UserError; a full disk: OSError.
    """
    for laid in survey.on_disk:
        size = laid.table.size
        say = partial(tell_bytes, tell, f"parting {laid.table.raw.file}, MB", size)
        for batch in laid.table.batches(say):
            _add_batch(laid, batch, Cutter(Spool(folder), buckets, survey.context))
    for number, held in enumerate(_cut_held(survey, buckets)):
        write_packed(folder / _name_held(number), held)
    cutting = Cutting(folder, buckets, survey.context, tell)
    proven = tuple(
        cut_waiting(waiting, place, cutting) for place, waiting in enumerate(survey.waiting)
    )
    survey.check()
    on_disk = tuple(replace(laid, links={}) for laid in survey.on_disk)
    write_packed(folder / _RECIPE, _Recipe(on_disk, survey.sources, proven))


def is_of_bucket(file: Path, number: int) -> bool:
    """Say whether a file that was cut is read with a bucket: its own, and what all of them share.

    >>> is_of_bucket(Path("rows-2-00007.frames"), 7), is_of_bucket(Path("held-00003.pickle"), 7)
    (True, False)
    """
    return file.name == _RECIPE or file.stem.endswith(f"-{number:05}")


def load_bucket(folder: Path, number: int, context: ReadContext) -> tuple[Bucket, Sources]:
    """Read the rows of a bucket that was cut, laid out, and the order of the sources."""
    recipe: _Recipe = read_packed(folder / _RECIPE)
    held: _Held = read_packed(folder / _name_held(number))
    spool = Spool(folder)
    raws, staged = dict(held.bucket.raws), list(held.bucket.staged)
    for laid in recipe.on_disk:
        rows = spool.read(_name_rows(laid), number)
        if rows is None:
            continue
        raw = replace(laid.table.raw, cells=rows.drop("record"), records=rows["record"], on_disk=0)
        refused = spool.read(_name_refused(laid), number)
        raw = raw if refused is None else replace(raw, refused=refused)
        raws[laid.source] = raw
        staged += replace(laid, links=held.links[laid.source]).lay_out(raw, context)
    parts = [replace(held.bucket, raws=raws, staged=tuple(staged))]
    for place, proven in enumerate(recipe.proven):
        parts.append(load_waiting(folder, place, number, proven))
    return join_buckets(parts), recipe.sources


def _name_held(number: int) -> str:
    return f"held-{number:05}.pickle"


def _name_rows(laid: Laid) -> str:
    return f"rows-{laid.source}"


def _name_refused(laid: Laid) -> str:
    return f"refused-{laid.source}"


@dataclass(frozen=True)
class Cutter:
    """Where the rows of a table on disk go."""

    spool: Spool
    buckets: int
    context: ReadContext


def _add_batch(laid: Laid, batch: RawTable, cutter: Cutter) -> None:
    rows = batch.numbered()
    place = find_shards(laid.find_children(batch, cutter.context), cutter.buckets)
    placed = pl.DataFrame({"record": rows["record"], _BUCKET: place})
    for number, part in _part(rows, placed, 0).items():
        cutter.spool.add(_name_rows(laid), number, part)
    if batch.refused.height:
        for number, part in _part(batch.refused, placed, 0).items():
            cutter.spool.add(_name_refused(laid), number, part)


def _part(rows: pl.DataFrame, placed: pl.DataFrame, home: int) -> dict[int, pl.DataFrame]:
    """Part rows by the bucket of their record; those of no child go ``home``."""
    known = rows.join(placed, on="record", how="left", maintain_order="left")
    known = known.with_columns(pl.col(_BUCKET).fill_null(home))
    parts = known.partition_by(_BUCKET, as_dict=True, include_key=False, maintain_order=True)
    return {number: part for (number,), part in parts.items()}


def _place_held(survey: Survey, buckets: int) -> dict[int, pl.DataFrame]:
    """Give for each source that is held the bucket of every record that names a child."""
    places: dict[int, pl.DataFrame] = {}
    for staged in survey.numbered.staged:
        if CHILD not in staged.rows.columns:
            continue
        place = find_shards(staged.rows[CHILD], buckets).alias(_BUCKET)
        rows = staged.rows.select("record", place)
        rows = rows.filter(staged.rows[CHILD].is_not_null())
        before = places.get(staged.source, pl.DataFrame(schema=_PLACED))
        places[staged.source] = pl.concat([before, rows]).unique(maintain_order=True)
    return places


def _cut_held(survey: Survey, buckets: int) -> Iterator[_Held]:
    """Cut what is held: sources, what was laid out of them, what their readers left out."""
    whole = survey.numbered.whole()
    places = _place_held(survey, buckets)
    # of a source all of whose children are in one bucket, what names none goes there, too
    homes = {number: min(place[_BUCKET], default=0) for number, place in places.items()}
    cutter = _HeldCutter(places, homes)
    on_disk = {laid.source for laid in survey.on_disk}
    on_disk |= {source for waiting in survey.waiting for source in waiting.filled}
    raws = [
        cutter.cut_raw(source, raw) for source, raw in whole.raws.items() if source not in on_disk
    ]
    staged = [cutter.cut_staged(item) for item in whole.staged]
    joined, left_out = cutter.cut_rows(whole.joined), cutter.cut_rows(whole.left_out)
    for number in range(buckets):
        here = dict(pair for each in raws for pair in each.get(number, {}).items())
        bucket = Bucket(
            here,
            tuple(
                replace(part, raw=here[part.source])
                for each in staged
                if (part := each.get(number)) is not None
            ),
            joined.get(number, whole.joined.clear()),
            whole.joined_columns,
            left_out.get(number, whole.left_out.clear()),
        )
        yield _Held(bucket, _part_links(survey.on_disk, number, buckets))


@dataclass(frozen=True)
class _HeldCutter:
    """Parts what is held; ``places``: the bucket of every record of a source that names a child."""

    places: Mapping[int, pl.DataFrame]
    homes: Mapping[int, int]

    def part(self, rows: pl.DataFrame, source: int) -> dict[int, pl.DataFrame]:
        placed = self.places.get(source, pl.DataFrame(schema=_PLACED))
        return _part(rows, placed, self.homes.get(source, 0))

    def cut_raw(self, source: int, raw: RawTable) -> dict[int, dict[int, RawTable]]:
        refused = self.part(raw.refused, source)
        return {
            number: {
                source: replace(
                    raw,
                    cells=rows.drop("record"),
                    records=rows["record"],
                    refused=refused.get(number, raw.refused.clear()),
                    passed_over=(),
                )
            }
            for number, rows in self.part(raw.numbered(), source).items()
        }

    def cut_staged(self, staged: Staged) -> dict[int, Staged]:
        frames = {name: getattr(staged, name) for name in ("rows", "ignored", "problems")}
        parts = {name: self.part(frame, staged.source) for name, frame in frames.items()}
        records = self.part(staged.raw.numbered().select("record"), staged.source)
        return {
            number: replace(
                staged,
                **{name: parts[name].get(number, frame.clear()) for name, frame in frames.items()},
            )
            for number in records
        }

    def cut_rows(self, rows: pl.DataFrame) -> dict[int, pl.DataFrame]:
        found: dict[int, list[pl.DataFrame]] = {}
        for (source,), of_source in rows.partition_by("source", as_dict=True).items():
            for number, part in self.part(of_source, int(source)).items():
                found.setdefault(number, []).append(part)
        return {number: pl.concat(parts) for number, parts in found.items()}


def _part_links(
    on_disk: Sequence[Laid], number: int, buckets: int
) -> dict[int, dict[int, LinkTable]]:
    """Keep of each link table the translations into identifiers of this bucket."""
    return {
        laid.source: {
            place: replace(
                link,
                raw=replace(link.raw, cells=link.raw.cells.clear()),
                pairs=link.pairs.filter(find_shards(link.pairs["ours"], buckets) == number),
                incomplete=link.incomplete.clear(),
            )
            for place, link in laid.links.items()
        }
        for laid in on_disk
    }
