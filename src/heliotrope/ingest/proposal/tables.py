"""Propose which of our tables a file or sheet holds, wide or long, and lay out each entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.proposal.drug_lists import propose_infusions, split_drugs
from heliotrope.ingest.proposal.entry import Room, keep_dated, lay_out
from heliotrope.ingest.proposal.measure_columns import Placed, find_measures, place_measures
from heliotrope.ingest.proposal.names import Names
from heliotrope.ingest.proposal.our_columns import Choice, Chooser
from heliotrope.ingest.proposal.parts import Entry, ProposedFile, ProposedSource, Unplaced
from heliotrope.ingest.proposal.profile import ColumnProfile, TableProfile
from heliotrope.ingest.proposal.say import say_looks

# What makes a table, beside whom it is about: one of these columns must be there.
_MAKES = {
    "patient": ("sex", "birth_date", "onset_date", "diagnosis_date", "antibody", "death_date",
                "followup_end"),
    "medication": ("drug",),
    "event": ("kind", "term"),
    "indication": ("reason",),
    "adjudication": ("pattern",),
}  # fmt: skip


def propose_file(
    table: TableProfile, file: str, context: ReadContext, words: MappingWords, names: Names
) -> ProposedFile:
    """Propose the entries of one file or sheet, and list what could not be placed.

    Rule: every row must be about a patient: without a column that says whom, nothing is proposed.
    A file may make several tables. Missing: a blank column is named and left.
    """
    raw = table.raw
    patient = Chooser(table.columns, context, words).choose("adjudication", frozenset())
    whom = patient.get("patient_id")
    if whom is None:
        why = "no column says whom a row is about (patient_id, record_id, subject ...)"
        looks = [_leave(column, why, words) for column in table.columns]
        return ProposedFile(file, raw.sheet, raw.rows_in, (), tuple(looks), (why,))
    private = _mark_persons(table, whom.column)
    room = Room(private, file, Chooser(private.columns, context, words), names)
    return _propose(room, whom.column.number)


def _mark_persons(table: TableProfile, whom: ColumnProfile) -> TableProfile:
    """Mark columns of text that tell patients apart, such as names, as identifying."""
    cells = table.raw.cells
    patients = cells[str(whom.number)].n_unique()
    marked = []
    for column in table.columns:
        is_text = column.share_of_numbers == 0 and column.dates.share == 0
        if not (is_text and column.number != whom.number and len(column.counts) > 2):
            marked.append(column)
            continue
        pairs = cells.select(pl.col(str(whom.number)), pl.col(str(column.number))).drop_nulls()
        is_constant = pairs.unique().height <= pairs[str(whom.number)].n_unique()
        tells = is_constant and 2 * len(column.counts) > patients
        marked.append(replace(column, is_identifying=True) if tells else column)
    marked[whom.number] = replace(marked[whom.number], is_identifying=True)
    return replace(table, columns=tuple(marked))


def _propose(room: Room, whom: int) -> ProposedFile:
    columns, raw = room.table.columns, room.table.raw
    chooser = room.chooser
    long = chooser.choose("assessment", frozenset())
    is_long = "measure" in long and "value" in long
    drug = chooser.choose("medication", frozenset())
    is_drug_list = "drug" in drug and "dose" not in _measure_like(room, drug)
    placed = Placed((), (), frozenset(), ())
    if not is_long:
        candidates = [column for column in columns if column.number != whom and not column.is_blank
                      and column.dates.share < room.words.doubt.values_possible]  # fmt: skip
        dates = [column for column in columns if column.dates.share > 0]
        found = find_measures(candidates, room.names)
        found += [item for item in find_measures(dates, room.names) if item.named.use == "date"]
        placed = place_measures(found, room.context, room.words)
    sources = []
    if is_long:
        sources.append(lay_out(room, "assessment", long))
    elif placed.measures:
        base = {name: choice for name, choice in chooser.choose("assessment", placed.taken).items()
                if name in ("patient_id", "date", "assessor")}  # fmt: skip
        base = _ask_for_date(room, base, placed.taken)
        entry = lay_out(room, "assessment", base)
        sources.append(replace(entry, measures=placed.measures, evidence="one column a measure"))
    if is_drug_list:
        sources += split_drugs(room, drug)
    elif room.is_named(room.words.infusion) or room.stem_says("infusion"):
        sources += propose_infusions(room, placed.taken)
    for table, makes in _MAKES.items():
        if table == "medication":
            continue
        chosen = chooser.choose(table, placed.taken)
        if any(name in chosen for name in makes) or room.stem_says(table):
            sources += _propose_other(room, table, chosen, is_drug_list=is_drug_list)
    if len(sources) > 1:
        sources = [keep_dated(room, source) for source in sources]
    unplaced = _list_unplaced(room, sources, placed)
    if not sources:
        why = "it says whom a row is about, but nothing else here is known"
        header = columns[whom].header
        unplaced = [replace(item, why=why) if item.column == header else item
                    for item in unplaced]  # fmt: skip
    return ProposedFile(
        room.file, raw.sheet, raw.rows_in, tuple(sources), tuple(unplaced), (), placed.scales
    )


def _ask_for_date(
    room: Room, chosen: dict[str, Choice], taken: frozenset[int]
) -> dict[str, Choice]:
    """Where no column is named like the day of a visit, ask whether another date is it."""
    if "date" in chosen:
        return chosen
    patient = room.chooser.choose("patient", taken)
    used = {choice.column.number for choice in patient.values()} | taken
    dates = [column for column in room.table.columns
             if column.dates.share >= room.words.doubt.values_possible
             and column.number not in used]  # fmt: skip
    if not dates:
        return chosen
    spec = next(spec for spec in TABLE_COLUMNS["assessment"] if spec.name == "date")
    choice = room.chooser.judge(spec, dates[0])
    if choice is None:
        return chosen
    others = f" (or {', '.join(column.header for column in dates[1:4])})" if dates[1:] else ""
    why = f"no column is named like the day of a visit: is it {dates[0].header}{others}?"
    return {**chosen, "date": replace(choice, line=replace(choice.line, doubt=why))}


def _measure_like(room: Room, chosen: Mapping[str, Choice]) -> set[str]:
    """Return our columns whose column of theirs is rather a measure."""
    return {
        name
        for name, choice in chosen.items()
        if (named := room.names.read(choice.column.header)) is not None and named.is_whole
    }


def _propose_other(
    room: Room, table: str, chosen: dict[str, Choice], *, is_drug_list: bool
) -> list[ProposedSource]:
    """Lay out patients, events, indications and adjudications."""
    if is_drug_list and table != "patient":
        return []
    constants: tuple[Entry, ...] = ()
    if table == "event" and "kind" not in chosen:
        if not (room.is_named(room.words.adverse_event) or room.stem_says(table)):
            return []
        said = "the file or a column is about reactions"
        constants = (Entry("kind", "adverse_event", said),)
    entry = lay_out(room, table, chosen, {item.key for item in constants})
    return [replace(entry, constants=constants)]


def _list_unplaced(room: Room, sources: Sequence[ProposedSource], placed: Placed) -> list[Unplaced]:
    used = {line.value for source in sources for line in source.columns}
    used |= {
        line.value
        for source in sources
        for item in source.measures
        for line in item.lines
        if line.key.endswith("column") or line.key == "date"
    }
    refused = {item.column: item for item in placed.refused}
    listed = []
    for column in room.table.columns:
        if column.header in used:
            continue
        listed.append(refused.get(column.header) or _leave(column, None, room.words))
    return listed


def _leave(column: ColumnProfile, why: str | None, words: MappingWords) -> Unplaced:
    if column.is_blank:
        why = "nothing stands in it"
    elif column.is_structural:
        why = "it says where the row stands in the export"
    elif column.is_identifying:
        why = why or "it may identify a person: never read"
    return Unplaced(
        column.header or f"(column {column.number + 1})",
        say_looks(column, words.doubt),
        why or "its name means nothing known here",
    )
