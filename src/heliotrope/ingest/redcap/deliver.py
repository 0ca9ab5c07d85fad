"""Read one REDCap project and lay its entries out as ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.archive import check_files_unchanged
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import FormSource, RedcapSource
from heliotrope.ingest.delivery import Delivery, RowsOf
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.problems import gather_problems
from heliotrope.ingest.redcap.api import fetch_project
from heliotrope.ingest.redcap.files import find_project_files
from heliotrope.ingest.redcap.own import list_own_tables
from heliotrope.ingest.redcap.project import Project, read_project
from heliotrope.ingest.redcap.rows import FORM, Rows, find_rows
from heliotrope.ingest.redcap.stage import Entries, stage_table
from heliotrope.ingest.redcap.unmapped import list_tables_of_nothing, say_unmapped


def deliver(
    folder: Path, source: FormSource, context: ReadContext, tell: Callable[[str], None]
) -> Delivery:
    """Read a project: through study.toml's tables, else our own forms, else its children alone.

    Errors: those of the files, of the mapping and of the interface: UserError.
    """
    assert isinstance(source, RedcapSource)
    if source.api is not None:
        fetch_project(folder, source, tell)
    found = find_project_files(folder, source)
    own_format = {name: getattr(source, name) for name in Format.model_fields}
    project = read_project(found, source, Format(**own_format), context)
    tell(f"reading {project.raw.place} as a REDCap project")
    _check_not_empty(project)
    tables = source.tables or list_own_tables(project, context.rulebook)
    notes = list(project.notes)
    if not tables:
        tables = list_tables_of_nothing()
        notes += say_unmapped(project, context)
    is_unmapped = any(note.rule == "redcap_not_mapped" for note in notes)
    rows = find_rows(project)
    entries = [stage_table(project, rows.cells, table, context) for table in tables]
    staged = [part for item in entries for part in item.staged]
    first = staged[0]
    staged[0] = replace(first, problems=gather_problems([rows.problems, first.problems]))
    hashes = found.files.input_hashes()
    return Delivery(
        raws=(project.raw,),
        staged=tuple(staged),
        hashes=found.input_hashes(),
        check=lambda: check_files_unchanged(found.files, hashes),
        joined=tuple(part for item in entries for part in item.joined),
        left_out=_leave_out(project, rows, entries, is_unmapped=is_unmapped),
        notes=tuple(notes),
    )


def _check_not_empty(project: Project) -> None:
    if project.raw.rows_in == 0:
        raise UserError(
            "at least one record",
            Found("an export without rows", project.raw.file, project.raw.sheet),
            "export the data again; the filter of a report may have left nothing",
        )


def _leave_out(
    project: Project, rows: Rows, entries: Sequence[Entries], *, is_unmapped: bool
) -> tuple[RowsOf, ...]:
    """Say of each row that made nothing why: a copy, blank, of a form or event not read."""
    forms = frozenset[str]().union(*(item.forms for item in entries))
    by_tables = pl.concat([item.left for item in entries])
    # a blank entry says more than an event that another mapping leaves out
    by_tables = by_tables.sort(pl.col("rule") != "redcap_form_blank", maintain_order=True)
    if is_unmapped:
        of_rest = rows.cells.select("record", rule=pl.lit("redcap_not_mapped"))
        return (RowsOf(project.raw, pl.concat([rows.copied, of_rest])),)
    others = rows.cells.filter(pl.col(FORM).is_not_null() & ~pl.col(FORM).is_in(sorted(forms)))
    of_others = others.select("record", rule=pl.lit("redcap_form_not_used"))
    return (RowsOf(project.raw, pl.concat([rows.copied, of_others, by_tables])),)
