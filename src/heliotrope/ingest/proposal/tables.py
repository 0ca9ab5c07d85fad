"""Propose which of our tables a file or sheet holds, wide or long, and lay out each entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import polars as pl

from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.context import ReadContext, normalise_word
from heliotrope.ingest.proposal.measure_columns import Placed, find_measures, place_measures
from heliotrope.ingest.proposal.names import Names
from heliotrope.ingest.proposal.our_columns import Choice, Chooser
from heliotrope.ingest.proposal.parts import Entry, ProposedFile, ProposedSource, Unplaced
from heliotrope.ingest.proposal.profile import ColumnProfile, TableProfile
from heliotrope.ingest.proposal.say import say_looks
from heliotrope.ingest.proposal.toml import quote
from heliotrope.ingest.tabular.layout import NEEDED

# What makes a table, beside whom it is about: one of these columns must be there.
_MAKES = {
    "patient": ("sex", "birth_date", "onset_date", "diagnosis_date", "antibody", "death_date",
                "followup_end"),
    "medication": ("drug",),
    "event": ("kind", "term"),
    "indication": ("reason",),
    "adjudication": ("pattern",),
}  # fmt: skip


@dataclass(frozen=True)
class Room:
    """One table to be proposed for: its columns, what is known, who each row is about."""

    table: TableProfile
    file: str
    chooser: Chooser
    names: Names

    @property
    def context(self) -> ReadContext:
        """Return the words known."""
        return self.chooser.context

    @property
    def words(self) -> MappingWords:
        """Return the names and thresholds."""
        return self.chooser.words

    def is_named(self, listed: Sequence[str]) -> bool:
        """Say whether the file, sheet or a column bears one of some words."""
        raw = self.table.raw
        names = [PurePath(self.file).stem, raw.sheet or "", *raw.header]
        plain = [f" {normalise_word(name)} " for name in names]
        return any(f" {word} " in name for word in listed for name in plain)

    def stem_says(self, table: str) -> bool:
        """Say whether the file or sheet is called like a table of ours."""
        stem = self.table.raw.sheet or PurePath(self.file).stem
        return normalise_word(stem) == table


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
        sources.append(_lay_out(room, "assessment", long))
    elif placed.measures:
        base = {name: choice for name, choice in chooser.choose("assessment", placed.taken).items()
                if name in ("patient_id", "date", "assessor")}  # fmt: skip
        base = _ask_for_date(room, base, placed.taken)
        entry = _lay_out(room, "assessment", base)
        sources.append(replace(entry, measures=placed.measures, evidence="one column a measure"))
    if is_drug_list:
        sources += _split_drugs(room, drug)
    elif room.is_named(room.words.infusion) or room.stem_says("infusion"):
        sources += _propose_infusions(room, placed.taken)
    for table, makes in _MAKES.items():
        if table == "medication":
            continue
        chosen = chooser.choose(table, placed.taken)
        if any(name in chosen for name in makes) or room.stem_says(table):
            sources += _propose_other(room, table, chosen, is_drug_list=is_drug_list)
    if len(sources) > 1:
        sources = [_keep_dated(room, source) for source in sources]
    unplaced = _list_unplaced(room, sources, placed)
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


def _keep_dated(room: Room, source: ProposedSource) -> ProposedSource:
    """In a file of several tables, keep to one's own rows: those with a day in its date column.

    Only where no row without a day holds a value of this table; else such rows are left to be
    found as errors.
    """
    days = [
        line for line in source.columns if line.key in ("date", "start_date") and not line.doubt
    ]
    has_filter = any(line.key == "rows" for line in source.header_lines)
    if source.table == "patient" or len(days) != 1 or has_filter:
        return source
    by_header = {column.header: column for column in room.table.columns}
    day = by_header[days[0].value]
    values = [
        line.value for line in source.columns if line.key in ("dose", "drug", "term", "value")
    ]
    values += [
        line.value for item in source.measures for line in item.lines if line.key == "column"
    ]
    cells = room.table.raw.cells
    is_filled = pl.any_horizontal(
        _is_filled(by_header[name].number) for name in values or [day.header]
    )
    undated = cells.filter(~_is_filled(day.number))
    if undated.is_empty() or undated.select(is_filled.any()).item():
        return source
    rows = Entry("rows", f"[{{ column = {quote(day.header)}, filled = true }}]",
                 f"the other {undated.height:,} rows hold nothing of this table")  # fmt: skip
    return replace(source, header_lines=(*source.header_lines, rows))


def _is_filled(number: int) -> pl.Expr:
    return pl.col(str(number)).str.strip_chars().fill_null("") != ""


def _measure_like(room: Room, chosen: Mapping[str, Choice]) -> set[str]:
    """Return our columns whose column of theirs is rather a measure."""
    return {
        name
        for name, choice in chosen.items()
        if (named := room.names.read(choice.column.header)) is not None and named.is_whole
    }


def _propose_infusions(room: Room, taken: frozenset[int]) -> list[ProposedSource]:
    chosen = room.chooser.choose("infusion", taken)
    if "date" not in chosen or not ({"dose", "product"} & set(chosen)):
        return []
    return [_with_dose_unit(room, _lay_out(room, "infusion", chosen), chosen)]


def _with_dose_unit(
    room: Room, entry: ProposedSource, chosen: Mapping[str, Choice]
) -> ProposedSource:
    """Ask for the unit of a dose that has none: grams and grams per kilogram are told by size."""
    if "dose" not in chosen or "dose_unit" in chosen:
        return entry
    if entry.table == "infusion":
        high = chosen["dose"].column.span[1]
        limit = room.context.limits.infusion_dose_g_per_kg_high
        is_per_kg = high <= limit
        unit = "g/kg" if is_per_kg else "g"
        size = f"no dose is over {limit:g}" if is_per_kg else f"doses reach {high:g}"
        why = f"no column holds the unit of the dose; {size}"
    else:
        unit, why = "mg/day", "no column holds the unit of the dose"
    return replace(entry, constants=(*entry.constants, Entry("dose_unit", unit, doubt=why)))


def _split_drugs(room: Room, chosen: dict[str, Choice]) -> list[ProposedSource]:
    """Split a list of drugs: immunoglobulin into infusions, the other drugs into medication."""
    column = chosen["drug"].column
    infused = [text for text in column.counts if _is_immunoglobulin(room, text)]
    entries = []
    if infused:
        picked = room.chooser.choose("infusion", frozenset())
        if "date" not in picked and "start_date" in chosen:
            start = chosen["start_date"]
            picked["date"] = replace(start, line=replace(start.line, key="date"))
        if "product" not in picked:
            picked["product"] = Choice(column, Entry("product", column.header))
        entry = _lay_out(room, "infusion", picked)
        rows = Entry("rows", _filter(column, "in", infused), "the rows that name immunoglobulin")
        entries.append(_with_dose_unit(
            room, replace(entry, header_lines=(*entry.header_lines, rows)), picked))  # fmt: skip
    if len(infused) < len(column.counts):
        entry = _lay_out(room, "medication", chosen)
        if infused:
            rows = Entry("rows", _filter(column, "not_in", infused), "all other drugs")
            entry = replace(entry, header_lines=(*entry.header_lines, rows))
        entries.append(_with_dose_unit(room, entry, chosen))
    return entries


def _is_immunoglobulin(room: Room, text: str) -> bool:
    name = room.chooser.find_drug(text)
    drugs = room.context.drugs
    return name is not None and drugs[name].drug_class == "immunoglobulin"


def _filter(column: ColumnProfile, condition: str, texts: Sequence[str]) -> str:
    listed = ", ".join(quote(text) for text in sorted(texts))
    return f"[{{ column = {quote(column.header)}, {condition} = [{listed}] }}]"


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
    entry = _lay_out(room, table, chosen, {item.key for item in constants})
    return [replace(entry, constants=constants)]


def _lay_out(
    room: Room, table: str, chosen: Mapping[str, Choice], given: set[str] | None = None
) -> ProposedSource:
    """Lay out an entry; where a needed column is missing or in doubt, all of it is in doubt."""
    choices = {spec.name: chosen[spec.name] for spec in TABLE_COLUMNS[table] if spec.name in chosen}
    doubts, missing = [], []
    for group in NEEDED[table]:
        if set(group) & (given or set()) or (
            table == "assessment" and set(group) & {"measure", "value"} and "measure" not in chosen
        ):
            continue
        named = [choices[name] for name in group if name in choices]
        if not named:
            missing.append(group[0])
        elif not any(choice.is_certain for choice in named):
            doubts += [f"{choice.line.key}: {choice.line.doubt}" for choice in named]
    constants = tuple(
        Entry(name, "", doubt="no column holds it; write one value for all rows, or name a column")
        for name in missing
    )
    doubts += [f"no column for {name}, which the table needs" for name in missing]
    return ProposedSource(
        file=room.file,
        sheet=room.table.raw.sheet,
        table=table,
        header_lines=_header_lines(room),
        columns=tuple(choice.line for choice in choices.values()),
        constants=constants,
        dates=tuple(choice.date_format for choice in choices.values() if choice.date_format),
        codes=tuple(choice.codes for choice in choices.values() if choice.codes),
        doubt="; ".join(doubts) or None,
    )


def _header_lines(room: Room) -> tuple[Entry, ...]:
    raw = room.table.raw
    lines = [Entry("encoding", said.rpartition(" ")[2], said)
             for rule, said in raw.notes if rule == "encoding_assumed"]  # fmt: skip
    return tuple(lines)


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
