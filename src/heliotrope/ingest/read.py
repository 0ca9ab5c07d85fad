"""Read a study's files into canonical records: the one function the rest of the program calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.errors import Found, UserError
from heliotrope.ingest.accounting import Ledger, make_accounting
from heliotrope.ingest.check_rows import (
    check_duplicates,
    check_patient_rows,
    check_repeated_values,
)
from heliotrope.ingest.check_series import check_heights, check_unit_switches, check_weights
from heliotrope.ingest.check_times import (
    check_calendar,
    check_far_dates,
    check_order_of_dates,
    check_overlaps,
)
from heliotrope.ingest.check_values import (
    check_doses,
    check_immunoglobulins,
    check_patients,
)
from heliotrope.ingest.context import ReadContext, make_context
from heliotrope.ingest.delivery import Numbered, number_deliveries
from heliotrope.ingest.findings import (
    file_findings,
    make_file_finding,
    make_findings,
    make_quarantine,
    make_source_table,
    place_problems,
)
from heliotrope.ingest.forms import read_deliveries
from heliotrope.ingest.ingested import Ingested, Progress, StudySources
from heliotrope.ingest.linking.identifiers import check_identifiers, gather_identifiers
from heliotrope.ingest.linking.link_table import apply_links
from heliotrope.ingest.linking.precedence import Sources, check_sources, make_sources
from heliotrope.ingest.proofs import prove_whole
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.settle import (
    LEFT_OUT,
    LOCATED,
    Settled,
    make_late_problems,
    resolve_effects,
    settle_late,
)
from heliotrope.ingest.staged import Staged
from heliotrope.ingest.together import settle_all
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.finding_tables import Source
from heliotrope.records.row_id import unpack_row_id

Check = Callable[[pl.DataFrame], pl.DataFrame]


def read_records(
    study: StudySources, rulebook: Rulebook, progress: Progress | None = None
) -> Ingested:
    """Read every source of a study into the canonical tables, losing nothing.

    Rule: every cell is read as text and parsed here; a row with a fault is quarantined whole, a
    cell whose fault costs only itself becomes missing, and each leaves a finding. Sources are
    numbered in the order of their content hash.
    Errors: what makes a file as a whole untrustworthy (no such file, missing column, ambiguous
    dates or numbers, a file that changes meanwhile) is a UserError; a sum that does not come
    out is an AccountingError.
    """
    tell = progress or (lambda _: None)
    context = make_context(rulebook)
    deliveries = apply_links(study, read_deliveries(study, context, tell), context)
    numbered = number_deliveries(deliveries)
    _check_not_empty(numbered.raws)
    numbered = replace(
        numbered, staged=tuple(prove_whole(staged, context) for staged in numbered.staged)
    )
    settled = list(settle_all(numbered.staged, context))
    tell("checking the records")
    order = [source.file for source in study.sources]
    sources = make_sources(numbered, order, study.precedence)
    checked = _check(_gather(numbered.staged, settled), sources, context)
    for delivery in numbered.deliveries:
        delivery.check()
    ledger = Ledger(numbered, checked.tables, checked.problems, checked.left_out)
    return _report(ledger, study, context)


def _check_not_empty(raws: Sequence[RawTable]) -> None:
    if not any(raw.rows_in for raw in raws):
        raise UserError(
            "at least one row of records",
            Found(f"no row in {_name_files(raws)}"),
            "fill in the tables",
        )


def _name_files(raws: Sequence[RawTable]) -> str:
    """Name each file once, a workbook as all of its sheets."""
    named = {f"any sheet of {raw.file}" if raw.sheet else raw.file: None for raw in raws}
    return ", ".join(named)


@dataclass(frozen=True)
class Checked:
    """Canonical tables, all problems and everything left out, as far as known."""

    tables: Mapping[str, pl.DataFrame]
    problems: pl.DataFrame
    left_out: pl.DataFrame


def _gather(staged: Sequence[Staged], settled: Sequence[tuple[str, Settled]]) -> Checked:
    """Put the rows of all mappings together, table by table, in the order of row_id."""
    tables = {}
    for table, schema in CANONICAL.items():
        parts = [part.rows.select(schema.column_names()) for name, part in settled if name == table]
        tables[table] = pl.concat([schema.create_empty(), *parts]).sort("row_id")
        _check_cells_once(table, tables[table], staged)
    return Checked(
        tables,
        pl.concat([pl.DataFrame(schema=LOCATED), *(part.problems for _, part in settled)]),
        pl.concat([pl.DataFrame(schema=LEFT_OUT), *(part.left_out for _, part in settled)]),
    )


def _check_cells_once(table: str, rows: pl.DataFrame, staged: Sequence[Staged]) -> None:
    """Stop if two mappings make rows of one table out of one cell."""
    twice = rows.filter(pl.col("row_id").is_duplicated()).head(1)
    if twice.is_empty():
        return
    cell = unpack_row_id(twice["row_id"][0])
    raw = next(item.raw for item in staged if item.source == cell.source)
    raise UserError(
        f"each cell read once into the table {table}",
        Found(
            "two [[source]] entries make a row of this cell",
            raw.file,
            raw.sheet,
            cell.record + raw.first_row,
            raw.header[cell.column],
        ),
        "remove one of the entries, or give each its own [[source.rows]] filter",
    )


def _check(checked: Checked, sources: Sources, context: ReadContext) -> Checked:
    """Check rows against one another and tables against one another and the schemas."""
    tables: dict[str, pl.DataFrame] = {}
    problems, left_out = [checked.problems], [checked.left_out]
    for table, rows in checked.tables.items():
        kept = rows
        if rows.is_empty():
            tables[table] = CANONICAL[table].create_empty()
            continue
        first: list[Check] = [partial(check_sources, table, sources=sources)]
        first += [check_patient_rows] if table == "patient" else []
        for check in (*first, _copies_in(table, context), _against_schema(table)):
            found = settle_late(kept, check(kept), context.rules)
            kept = found.rows
            problems.append(found.problems)
            left_out.append(found.left_out)
        tables[table] = kept
    late = [
        check_repeated_values(tables, context.measures),
        check_calendar(tables),
        check_order_of_dates(tables),
        check_far_dates(tables, context),
        check_overlaps(tables, context),
        check_doses(tables, context),
        check_weights(tables, context),
        check_heights(tables, context),
        check_unit_switches(tables, context),
        check_immunoglobulins(tables, context),
        check_patients(tables),
    ]
    problems += [resolve_effects(item, context.rules) for item in late]
    return Checked(tables, pl.concat(problems), pl.concat(left_out))


def _copies_in(table: str, context: ReadContext) -> Check:
    """Return the check for repeated rows of a table."""
    return lambda rows: check_duplicates(table, rows, context.measures)


def _against_schema(table: str) -> Check:
    """Return the check of a table's rows against its canonical schema."""

    def check(rows: pl.DataFrame) -> pl.DataFrame:
        _, failure = CANONICAL[table].filter(rows)
        if not len(failure):
            return pl.DataFrame(schema=LOCATED)
        refused = failure.invalid()
        rules = ", ".join(failure.counts())
        return make_late_problems(table, refused, "schema_refused", found=rules)

    return check


def _report(ledger: Ledger, study: StudySources, context: ReadContext) -> Ingested:
    numbered = ledger.numbered
    sources = make_source_table(numbered.raws)
    placed = place_problems(ledger.problems, sources)
    about_files = file_findings(
        [*_about_files(numbered, study, context), *_about_infusions(ledger, context)]
    )
    return Ingested(
        tables=ledger.tables,
        source=Source.validate(sources),
        findings=make_findings(placed, about_files, context.rules),
        quarantine=make_quarantine(placed, numbered.raws, context.rules),
        accounting=make_accounting(ledger),
        input_hashes={
            name: sha256 for item in numbered.deliveries for name, sha256 in item.hashes.items()
        },
        cohort=tuple(step for item in numbered.deliveries for step in item.cohort),
    )


def _about_files(
    numbered: Numbered, study: StudySources, context: ReadContext
) -> list[tuple[str | int | None, ...]]:
    """Say what stands in the study and was not read: files, sheets, columns; guessed encodings."""
    rules = context.rules
    found = [make_file_finding(rules["file_unused"], name) for name in study.unread]
    found += [make_file_finding(rules["mapping_unconfirmed"], said) for said in study.unconfirmed]
    found += [
        make_file_finding(rules[rule], said)
        for rule, said in check_identifiers(gather_identifiers(numbered))
    ]
    for raw in numbered.raws:
        found += [make_file_finding(rules[rule], said, raw) for rule, said in raw.notes]
    for delivery in numbered.deliveries:
        found += [
            make_file_finding(rules[note.rule], note.found, note.raw, note.column)
            for note in delivery.notes
        ]
    return found


def _about_infusions(ledger: Ledger, context: ReadContext) -> list[tuple[str | int | None, ...]]:
    if ledger.tables["infusion"].height:
        return []
    return [
        make_file_finding(
            context.rules["no_infusions"], "no infusion of immunoglobulin in these records"
        )
    ]
