"""Translate the identifiers of a source into those of the study, by a link table and no guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.delivery import Delivery, Joined, Note, RowsOf
from heliotrope.ingest.ingested import StudySources
from heliotrope.ingest.linking.declared import Link
from heliotrope.ingest.mapping import SourceMapping
from heliotrope.ingest.problems import gather_problems, make_problems
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import Staged, clean, find_column, missing_tokens, number_of
from heliotrope.ingest.tabular.sources import check_unchanged, read_raw_tables

_ROWS_SHOWN = 5


@dataclass(frozen=True)
class LinkTable:
    """A link table as read: ``record``, ``theirs`` and ``ours``, complete rows only."""

    link: Link
    raw: RawTable
    pairs: pl.DataFrame
    incomplete: pl.DataFrame

    @cached_property
    def translation(self) -> dict[str, str]:
        """Return each of their identifiers with ours."""
        return dict(self.pairs.select("theirs", "ours").iter_rows())


def read_links(study: StudySources, context: ReadContext) -> list[LinkTable]:
    """Read the link tables of a study. Errors: one identifier with two translations: UserError."""
    return [_read_link(study, link, context) for link in study.link]


def apply_links(
    study: StudySources,
    deliveries: Sequence[Delivery],
    links: Sequence[LinkTable],
    seen_on_disk: Mapping[int, Sequence[pl.Series]],
) -> list[Delivery]:
    """Translate the identifiers of every linked source; the link tables become sources, too.

    Rule: an identifier is translated only where it stands in the link table exactly as written
    (spaces around it aside). A row whose identifier does not stand there is quarantined. Rows of
    the link table that are incomplete, or of persons the source does not know, are left out by
    rules of their own, so that the table is accounted for like every other file.
    ``seen_on_disk``: by the number of a link, the identifiers that rows left on disk bring to it.
    """
    linked = list(deliveries)
    for number, table in enumerate(links):
        parts = [_of_source(delivery, table.link.source) for delivery in linked]
        seen = [
            staged.rows["patient_id"]
            for delivery, numbers in zip(linked, parts, strict=True)
            for place, staged in enumerate(delivery.staged)
            if place in numbers
        ]
        linked = [
            _translate(delivery, numbers, table)
            for delivery, numbers in zip(linked, parts, strict=True)
        ]
        linked.append(_deliver(study, table, [*seen, *seen_on_disk.get(number, ())]))
    return linked


def _of_source(delivery: Delivery, source: str) -> frozenset[int]:
    """Return the places in a delivery of what is laid out of one source."""
    return frozenset(
        number
        for number, staged in enumerate(delivery.staged)
        if (delivery.source or staged.raw.file) == source
    )


def _read_link(study: StudySources, link: Link, context: ReadContext) -> LinkTable:
    mapping = SourceMapping(file=link.file, sheet=link.sheet, table="patient")
    (raw,) = read_raw_tables(study.folder, [mapping], study.format).values()
    missing = missing_tokens(context, study.format)
    theirs, ours = find_column(raw, link.from_column), find_column(raw, link.to_column)
    rows = raw.numbered().select(
        "record",
        clean(pl.col(str(theirs)), missing, {}).alias("theirs"),
        clean(pl.col(str(ours)), missing, {}).alias("ours"),
    )
    is_whole = pl.col("theirs").is_not_null() & pl.col("ours").is_not_null()
    pairs = rows.filter(is_whole)
    _check_single(link, raw, pairs)
    return LinkTable(link, raw, pairs, rows.filter(~is_whole))


def _check_single(link: Link, raw: RawTable, pairs: pl.DataFrame) -> None:
    distinct = pairs.unique(["theirs", "ours"], maintain_order=True)
    twice = distinct.filter(pl.col("theirs").is_duplicated()).sort("theirs", "record")
    if twice.height:
        first, second = twice["record"][0], twice["record"][1]
        raise UserError(
            "one translation for each identifier",
            Found(
                f"two, in rows {first + raw.first_row} and {second + raw.first_row}",
                raw.file,
                raw.sheet,
                first + raw.first_row,
                link.from_column,
            ),
            "correct the link table: no one can say which of the two children is meant",
        )


def _translate(delivery: Delivery, numbers: frozenset[int], table: LinkTable) -> Delivery:
    if not numbers:
        return delivery
    staged = tuple(
        translate_staged(item, table) if number in numbers else item
        for number, item in enumerate(delivery.staged)
    )
    return replace(delivery, staged=staged)


def translate_children(children: pl.Series, table: LinkTable) -> pl.Series:
    """Translate the identifiers that rows use; one that has no translation stays as it is."""
    return children.replace_strict(table.translation, default=children, return_dtype=pl.String)


def translate_staged(staged: Staged, table: LinkTable) -> Staged:
    """Translate the identifiers of laid-out rows; one that has no translation is a problem."""
    translation, theirs = table.translation, pl.col("patient_id")
    unknown = staged.rows.filter(theirs.is_not_null() & ~theirs.is_in(list(translation)))
    problems = make_problems(
        unknown,
        "id_not_in_link",
        column=number_of(staged, "patient_id"),
        found=pl.format("{} is not in {}", theirs, pl.lit(table.raw.place)),
    )
    rows = staged.rows.with_columns(
        theirs.replace_strict(translation, default=theirs, return_dtype=pl.String)
    )
    return replace(staged, rows=rows, problems=gather_problems([staged.problems, problems]))


def _deliver(study: StudySources, table: LinkTable, seen: Sequence[pl.Series]) -> Delivery:
    """Account for the link table itself: its rows are read into those of the linked source."""
    raw, pairs = table.raw, table.pairs
    ids = pl.concat(seen).unique() if seen else pl.Series([], dtype=pl.String)
    is_needed = pl.col("theirs").is_in(ids.drop_nulls().implode())
    columns = {find_column(raw, name) for name in (table.link.from_column, table.link.to_column)}
    hashes = {raw.file: raw.sha256}
    left_out = (
        (pairs.filter(~is_needed), "link_row_not_needed"),
        (table.incomplete, "link_row_incomplete"),
    )
    return Delivery(
        raws=(raw,),
        staged=(),
        hashes=hashes,
        check=lambda: check_unchanged(study.folder, hashes),
        joined=(Joined(raw, pairs.filter(is_needed), frozenset(columns)),),
        notes=tuple(
            Note(rule, f"rows {_list_rows(rows, raw)}", raw)
            for rows, rule in left_out
            if rows.height
        ),
        left_out=tuple(
            RowsOf(raw, rows.with_columns(rule=pl.lit(rule))) for rows, rule in left_out
        ),
    )


def _list_rows(rows: pl.DataFrame, raw: RawTable) -> str:
    """List the rows of a file, the first of many."""
    shown = [str(record + raw.first_row) for record in rows["record"].head(_ROWS_SHOWN)]
    more = f" and {rows.height - _ROWS_SHOWN:,} more" if rows.height > _ROWS_SHOWN else ""
    return ", ".join(shown) + more
