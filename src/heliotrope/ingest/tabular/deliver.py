"""Read the plain tables of a study and lay each out as ours."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.delivery import Delivery, Note
from heliotrope.ingest.mapping import Format, SourceMapping, say_nearest
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import Staged
from heliotrope.ingest.tabular.large import is_large, names_one_child, open_large
from heliotrope.ingest.tabular.layout import stage
from heliotrope.ingest.tabular.sources import (
    TABLE_SUFFIXES,
    check_formats,
    check_unchanged,
    merge_formats,
    read_raw_tables,
)


@dataclass(frozen=True)
class Tables:
    """The plain tables of a study: where they stand and how their cells are written.

    large_from: a table of so many bytes of text stays on disk; None: all are held.
    """

    folder: Path
    mappings: Sequence[SourceMapping]
    format: Format
    large_from: int | None = None


def deliver_tables(tables: Tables, context: ReadContext, tell: Callable[[str], None]) -> Delivery:
    """Read every file or sheet once and lay it out by each mapping that names it.

    Errors: those of ``read_raw_tables``, ``open_large`` and ``stage``.
    """
    folder, format = tables.folder, tables.format
    check_formats(tables.mappings, format)
    large = []
    for same in _find_large(tables):
        tell(f"hashing {same[0].file}")
        large.append(open_large(folder, same, [merge_formats(item, format) for item in same]))
    left = {table.raw.file for table in large}
    mappings = [mapping for mapping in tables.mappings if mapping.file not in left]
    by_key = read_raw_tables(folder, mappings, format)
    staged = []
    for mapping in mappings:
        raw = by_key[mapping.file, mapping.sheet]
        tell(f"reading {raw.place} as {mapping.table}")
        staged.append(stage(raw, mapping, merge_formats(mapping, format), context))
    hashes = {raw.file: raw.sha256 for raw in (*by_key.values(), *(item.raw for item in large))}
    return Delivery(
        raws=tuple(by_key.values()),
        staged=tuple(staged),
        hashes=hashes,
        check=lambda: check_unchanged(folder, hashes),
        notes=tuple(_find_unused_columns(mappings, staged)),
        large=tuple(large),
    )


def _find_large(tables: Tables) -> list[list[SourceMapping]]:
    """Find the files that stay on disk, each with all of its mappings."""
    by_file: dict[str, list[SourceMapping]] = {}
    for mapping in tables.mappings:
        by_file.setdefault(mapping.file, []).append(mapping)
    return [
        same
        for name, same in by_file.items()
        if tables.large_from is not None
        and Path(name).suffix.casefold() in TABLE_SUFFIXES
        and names_one_child(same)
        and is_large(tables.folder / name, tables.large_from)
    ]


def _find_unused_columns(mappings: Sequence[SourceMapping], staged: Sequence[Staged]) -> list[Note]:
    notes = []
    for raw in {id(item.raw): item.raw for item in staged}.values():
        here = [
            (mapping, item)
            for mapping, item in zip(mappings, staged, strict=True)
            if item.raw is raw
        ]
        by = [mapping for mapping, _ in here]
        notes += list_unused_columns(by, [item for _, item in here], find_filled(raw))
    return notes


def list_unused_columns(
    mappings: Sequence[SourceMapping], staged: Sequence[Staged], filled: frozenset[int]
) -> list[Note]:
    """Name the filled columns of a file that nothing reads, if it is read by our column names."""
    if not all(mapping.is_canonical for mapping in mappings):
        return []
    raw = staged[0].raw
    used = frozenset[int]().union(*(item.used_columns for item in staged))
    known = [spec.name for item in staged for spec in TABLE_COLUMNS[item.table]]
    return [
        Note("column_unused", f"{name}; {say_nearest(name, known)}", raw, name)
        for column, name in enumerate(raw.header)
        if column in filled and column not in used
    ]


def find_filled(raw: RawTable, known: Container[int] = ()) -> frozenset[int]:
    """Return the numbers of the columns in which anything stands, but for those known to."""
    return frozenset(
        column
        for column in range(len(raw.header))
        if column not in known
        and (raw.cells[str(column)].fill_null("").str.strip_chars() != "").any()
    )
