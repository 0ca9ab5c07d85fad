"""Resources on disk, parted by their child: a frame a resource type and bucket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from heliotrope.ingest.fhir.collect import LAYOUTS, Place
from heliotrope.ingest.fhir.laid import Laid
from heliotrope.ingest.spool import Spool

# The number of the table that a resource stands in; with its record it is that resource.
_PLACE = "place"
_BUCKET = "bucket"


@dataclass(frozen=True)
class Shelf:
    """The resources of some tables, each table known by its number among the places."""

    spool: Spool
    places: Sequence[Place]

    @cached_property
    def _numbers(self) -> dict[Place, int]:
        return {place: number for number, place in enumerate(self.places)}

    def add(
        self, place: Place, rows: pl.DataFrame, parts: pl.DataFrame, buckets: pl.Series
    ) -> None:
        """Add resources of one table and their repeated elements; ``buckets``: of each resource.

        Errors: OSError where the disk is full.
        """
        number = pl.lit(self._numbers[place], pl.Int64).alias(_PLACE)
        self._write(place[1], rows.with_columns(number), parts.with_columns(number), buckets)

    def load(self, kinds: Collection[str], bucket: int) -> list[Laid]:
        """Read the resources of a bucket: each table in the order of its file."""
        laid = []
        for kind in kinds:
            read = self._read(kind, bucket)
            if read is None:
                continue
            rows, parts = (_part_by_place(frame) for frame in read)
            for number in sorted(rows):
                place, none = self.places[number], read[1].drop(_PLACE).clear()
                found = parts.get(number, none)
                laid.append(Laid(place, LAYOUTS[kind], rows[number], found, Counter()))
        return laid

    def move(
        self, bucket: int, shelf: Shelf, find_buckets: Callable[[pl.Series], pl.Series]
    ) -> None:
        """Add the resources of a bucket to another shelf; ``find_buckets``: of their children."""
        for kind in LAYOUTS:
            read = self._read(kind, bucket)
            if read is not None:
                shelf._write(kind, *read, find_buckets(read[0]["patient_id"]))

    def _read(self, kind: str, bucket: int) -> tuple[pl.DataFrame, pl.DataFrame] | None:
        rows, parts = (self.spool.read(name, bucket) for name in (kind, _name_parts(kind)))
        return None if rows is None or parts is None else (rows, parts)

    def _write(
        self, kind: str, rows: pl.DataFrame, parts: pl.DataFrame, buckets: pl.Series
    ) -> None:
        rows = rows.with_columns(buckets.alias(_BUCKET))
        key = [_PLACE, "record"]
        parts = parts.join(rows.select(*key, _BUCKET), on=key, how="left", maintain_order="left")
        parted = dict(_part(parts))
        for bucket, here in _part(rows):
            self.spool.add(kind, bucket, here)
            self.spool.add(
                _name_parts(kind), bucket, parted.get(bucket, parts.drop(_BUCKET).clear())
            )


def _name_parts(kind: str) -> str:
    return f"{kind}-parts"


def _part(frame: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    parts = frame.partition_by(_BUCKET, as_dict=True, include_key=False, maintain_order=True)
    return ((int(bucket), part) for (bucket,), part in parts.items())


def _part_by_place(frame: pl.DataFrame) -> dict[int, pl.DataFrame]:
    ordered = frame.sort(_PLACE, "record", maintain_order=True)
    parts = ordered.partition_by(_PLACE, as_dict=True, include_key=False, maintain_order=True)
    return {int(number): part for (number,), part in parts.items()}
