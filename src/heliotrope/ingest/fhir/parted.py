"""An export that is too large to be held: its resources are parted by child on disk, once.

Persons and preparations are read first, since others refer to them. Each further resource goes to
the bucket of its child when it is read; the cohort is then selected bucket by bucket.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from heliotrope.ingest.cohort import join_cohorts
from heliotrope.ingest.delivery import Delivery
from heliotrope.ingest.fhir.apart import ResourcesApart
from heliotrope.ingest.fhir.choose import Choice, drop_older
from heliotrope.ingest.fhir.chosen import OWN, OWN_FEW, PREPARATION, Chosen
from heliotrope.ingest.fhir.collect import (
    FEW,
    MANY,
    REFERRED,
    Place,
    Resources,
    Wanted,
    accept,
    collect,
    collect_more,
)
from heliotrope.ingest.fhir.export import Export, LeftOut, deliver_export
from heliotrope.ingest.fhir.held import hold_export
from heliotrope.ingest.fhir.laid import Laid, lay_out, make_blanks
from heliotrope.ingest.fhir.shelf import Shelf
from heliotrope.ingest.fhir.stage import Layouts, join_preparations, stage_all
from heliotrope.ingest.spool import Spool
from heliotrope.ingest.tabular.large import BYTES_A_CELL
from heliotrope.records.shard import find_shards

# Resources that are held at once while the cohort is selected.
BUCKET = 250_000

_OTHERS = Wanted([kind for kind in FEW if kind not in REFERRED], "records", accept)

Temporary = tempfile.TemporaryDirectory[str]


def part_export(export: Export, large_from: int) -> Delivery:
    """Read an export onto the disk; what is left of it waits there, unless it is little.

    Errors: those of reading; a full disk: OSError.
    """
    folder = tempfile.TemporaryDirectory(prefix="heliotrope-fhir-")
    is_apart = False
    try:
        delivery = _part(export, large_from, folder)
        is_apart = delivery.apart is not None
        return delivery
    finally:
        if not is_apart:
            folder.cleanup()


def _part(export: Export, large_from: int, folder: Temporary) -> Delivery:
    found = collect(export.files, export.members, export.words, export.tell, REFERRED)
    if count_unread_bytes(found) < large_from:
        collect_more(export.files, found, export.words, _OTHERS, export.tell)
        return hold_export(export, found)
    choice = export.choose(found)
    preparations = _take_preparations(found, choice)
    places = list(found.tables)
    buckets = 1 + sum(table.unread for table in found.tables.values()) // BUCKET
    with tempfile.TemporaryDirectory(dir=folder.name) as name:
        read = Shelf(Spool(Path(name)), places)
        _read(export, found, choice, read, buckets)
        export.tell("selecting the cohort")
        kept = Shelf(Spool(Path(folder.name)), places)
        chosen = Chosen(export, choice, make_blanks(export.files, found), kept)
        for bucket in range(buckets):
            chosen.add(bucket, read)
    tables = chosen.list_tables(found)
    if sum(item.on_disk * item.width for item in tables) * BYTES_A_CELL < large_from:
        return _hold(chosen, found, tables, preparations)
    return _leave(chosen, found, tables, preparations, folder)


def count_unread_bytes(found: Resources) -> int:
    """Say how much the resources that are still to be read would take, if all were used."""
    cells = sum(table.unread * len(table.layout.header) for table in found.tables.values())
    return cells * BYTES_A_CELL


def _take_preparations(found: Resources, choice: Choice) -> list[Laid]:
    """Take the preparations, which are nobody's, to be laid out."""
    laid = [lay_out(*item) for item in found.of_kind(PREPARATION).items()]
    for item in laid:
        item.rows = choice.name(item.kind, item.rows)
    drop_older(laid)
    return laid


def _read(export: Export, found: Resources, choice: Choice, shelf: Shelf, buckets: int) -> None:
    """Put every resource that is a child's, or should be, on the shelf.

    Of the observations only those of whom the steps before the doses leave in.
    """

    def send(place: Place, rows: pl.DataFrame, parts: pl.DataFrame) -> None:
        named = choice.name(place[1], rows)
        shelf.add(place, named, parts, find_shards(named["patient_id"], buckets))

    for place, table in found.tables.items():
        if place[1] != PREPARATION:
            table.send_on(partial(send, place))
    collect_more(export.files, found, export.words, _OTHERS, export.tell)
    weighed = None
    if export.entry is not None:
        records = (choice.prepare(shelf.load(OWN_FEW, bucket)) for bucket in range(buckets))
        found_weighed = [choice.find_weighed(some) for some in records]
        weighed = pl.concat([some for some in found_weighed if some is not None])
    many = Wanted(MANY, "observations", choice.judge(weighed))
    collect_more(export.files, found, export.words, many, export.tell)


def _hold(
    chosen: Chosen, found: Resources, tables: Sequence[Laid], preparations: Sequence[Laid]
) -> Delivery:
    """Hold what is left: it is little."""
    kept: dict[Place, list[Laid]] = {}
    for bucket in range(len(chosen.cohorts)):
        for item in chosen.kept.load(OWN, bucket):
            kept.setdefault(item.place, []).append(item)
    for item in tables:
        _fill(item, kept.get(item.place, []))
    laid, export = [*tables, *preparations], chosen.export
    for item in preparations:
        item.missing = export.missing
    return deliver_export(
        export, found, laid,
        lambda: (stage_all(laid, export.context.rulebook, export.reading), {}),
        join_cohorts(chosen.cohorts),
    )  # fmt: skip


def _fill(table: Laid, some: Sequence[Laid]) -> None:
    table.on_disk, table.indexes = 0, None
    table.rows = pl.concat([table.rows, *(item.rows for item in some)]).sort("record")
    parts = pl.concat([table.parts, *(item.parts for item in some)])
    table.parts = parts.sort("record", maintain_order=True)


def _leave(
    chosen: Chosen,
    found: Resources,
    tables: Sequence[Laid],
    preparations: Sequence[Laid],
    folder: Temporary,
) -> Delivery:
    """Leave on the disk what is left, but for the preparations."""
    export = chosen.export

    def lay_out_preparations() -> tuple[Layouts, LeftOut]:
        layouts = Layouts()
        join_preparations(preparations, chosen.preparations, layouts)
        return layouts, chosen.left_out

    whole = deliver_export(
        export, found, [*tables, *preparations], lay_out_preparations, join_cohorts(chosen.cohorts)
    )
    by_place: Mapping[Place, Laid] = {item.place: item for item in tables}
    apart = ResourcesApart(
        chosen.kept, len(chosen.cohorts), by_place, chosen.children, chosen.infused,
        export, folder,
    )  # fmt: skip
    return replace(whole, apart=apart)
