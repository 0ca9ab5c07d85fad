"""The resources of a cohort that wait on disk until the study is cut by children."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import polars as pl

from heliotrope.ingest.apart import FindBuckets
from heliotrope.ingest.delivery import Delivery
from heliotrope.ingest.fhir.chosen import OWN
from heliotrope.ingest.fhir.collect import Place
from heliotrope.ingest.fhir.export import Export
from heliotrope.ingest.fhir.laid import Laid, fill_source
from heliotrope.ingest.fhir.shelf import Shelf
from heliotrope.ingest.fhir.stage import stage_all
from heliotrope.ingest.spool import Spool


@dataclass(frozen=True)
class ResourcesApart:
    """The resources of a cohort in some buckets of ``kept``, which stands in a folder.

    tables: each of their tables, without rows, its source made.
    """

    kept: Shelf
    buckets: int
    tables: Mapping[Place, Laid]
    children: pl.Series
    infused: pl.Series
    export: Export
    folder: TemporaryDirectory[str]

    @property
    def step(self) -> str:
        """Return the place of the export."""
        return self.export.files.name

    def part(self, spool: Spool, find_buckets: FindBuckets) -> None:
        """Write the resources of each bucket into a spool."""
        shelf = Shelf(spool, self.kept.places)
        for bucket in range(self.buckets):
            self.kept.move(bucket, shelf, find_buckets)

    def lay_out(self, spool: Spool, bucket: int) -> Delivery:
        """Lay out the resources of one bucket."""
        laid = Shelf(spool, self.kept.places).load(OWN, bucket)
        for item in laid:
            table = self.tables[item.place]
            item.indexes, item.missing = table.indexes, table.missing
            item.raw = fill_source(table.source(), item)
        layout = stage_all(laid, self.export.context.rulebook, self.export.reading).drop_empty()
        return Delivery(
            raws=tuple(item.source() for item in laid),
            staged=tuple(layout.staged),
            hashes={},
            joined=tuple(layout.joined),
            left_out=tuple(layout.left_out),
        )

    def close(self) -> None:
        """Let go of what waits."""
        self.folder.cleanup()
