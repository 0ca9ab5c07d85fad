"""Read the plain tables of a study and lay each out as ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.delivery import Delivery, Note
from heliotrope.ingest.mapping import Format, SourceMapping, say_nearest
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import Staged
from heliotrope.ingest.tabular.layout import stage
from heliotrope.ingest.tabular.sources import check_unchanged, merge_formats, read_raw_tables


def deliver_tables(
    folder: Path,
    mappings: Sequence[SourceMapping],
    format: Format,
    context: ReadContext,
    tell: Callable[[str], None],
) -> Delivery:
    """Read every file or sheet once and lay it out by each mapping that names it.

    Errors: those of ``read_raw_tables`` and ``stage``.
    """
    by_key = read_raw_tables(folder, mappings, format)
    staged = []
    for mapping in mappings:
        raw = by_key[mapping.file, mapping.sheet]
        tell(f"reading {raw.place} as {mapping.table}")
        staged.append(stage(raw, mapping, merge_formats(mapping, format), context))
    hashes = {raw.file: raw.sha256 for raw in by_key.values()}
    return Delivery(
        raws=tuple(by_key.values()),
        staged=tuple(staged),
        hashes=hashes,
        check=lambda: check_unchanged(folder, hashes),
        notes=tuple(_find_unused_columns(mappings, staged)),
    )


def _find_unused_columns(mappings: Sequence[SourceMapping], staged: Sequence[Staged]) -> list[Note]:
    """Name the filled columns that nothing reads, in files read by our own column names."""
    notes = []
    for raw in {id(item.raw): item.raw for item in staged}.values():
        here = [
            (mapping, item)
            for mapping, item in zip(mappings, staged, strict=True)
            if item.raw is raw
        ]
        if not all(mapping.is_canonical for mapping, _ in here):
            continue
        used = frozenset[int]().union(*(item.used_columns for _, item in here))
        known = [spec.name for _, item in here for spec in TABLE_COLUMNS[item.table]]
        notes += [
            Note("column_unused", f"{name}; {say_nearest(name, known)}", raw, name)
            for column, name in enumerate(raw.header)
            if column not in used and not _is_blank(raw, column)
        ]
    return notes


def _is_blank(raw: RawTable, column: int) -> bool:
    return bool((raw.cells[str(column)].fill_null("").str.strip_chars() == "").all())
