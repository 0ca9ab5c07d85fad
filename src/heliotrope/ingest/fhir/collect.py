"""Read the resources of all files into one table of text a file and resource type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import polars as pl

from heliotrope.ingest.archive import Files
from heliotrope.ingest.fhir.drug_rows import ADMINISTRATION, MEDICATION, REQUEST, STATEMENT
from heliotrope.ingest.fhir.entries import Entry, read_entries
from heliotrope.ingest.fhir.layout import Cell, Layout, Taken
from heliotrope.ingest.fhir.observation_rows import OBSERVATION, RESPONSE
from heliotrope.ingest.fhir.person_rows import (
    ADVERSE_EVENT,
    CONDITION,
    ENCOUNTER,
    EPISODE,
    IMMUNIZATION,
    PATIENT,
    PROCEDURE,
)
from heliotrope.ingest.fhir.words import Words

LAYOUTS: Mapping[str, Layout] = {
    "Patient": PATIENT,
    "Condition": CONDITION,
    "Medication": MEDICATION,
    "MedicationAdministration": ADMINISTRATION,
    "MedicationStatement": STATEMENT,
    "MedicationRequest": REQUEST,
    "Procedure": PROCEDURE,
    "Immunization": IMMUNIZATION,
    "AdverseEvent": ADVERSE_EVENT,
    "EpisodeOfCare": EPISODE,
    "Encounter": ENCOUNTER,
    "Observation": OBSERVATION,
    "QuestionnaireResponse": RESPONSE,
}

# Referred to by others: whose these are, and of which preparation, is known once all are read.
REFERRED = ("Patient", "Medication")

# Read last, when it is known whose are wanted: most of an export is observations.
MANY = ("Observation", "QuestionnaireResponse")
FEW = tuple(kind for kind in LAYOUTS if kind not in MANY)

FULL_URL = "fullUrl"

_DECODERS = {kind: msgspec.json.Decoder(layout.type) for kind, layout in LAYOUTS.items()}

# Rows held as Python objects before they become columns.
_HELD = 20_000

# How much of what cannot be read is kept in the quarantine.
_SHOWN = 2_000

Place = tuple[str, str]
Judge = Callable[[Taken], str | None]
# Takes rows, and the repeated elements of them, somewhere else.
Send = Callable[[pl.DataFrame, pl.DataFrame], None]


@dataclass
class Collected:
    """The resources of one type in one file.

    frame: ``record``, the layout's columns and what was looked up, as text. parts: the same of a
    repeated element, with ``index``. passed_over: how many resources each rule passed over.
    unread: how many are still to be read. send: where rows go that are not held.
    """

    layout: Layout
    passed_over: Counter[str] = field(default_factory=Counter)
    unread: int = 0
    send: Send | None = None
    _rows: list[tuple[int, Cell, Taken]] = field(default_factory=list)
    _frames: list[pl.DataFrame] = field(default_factory=list)
    _parts: list[pl.DataFrame] = field(default_factory=list)

    def add(self, record: int, full_url: Cell, taken: Taken) -> None:
        """Hold one resource."""
        self._rows.append((record, full_url, taken))
        if len(self._rows) >= _HELD:
            self.flush()

    def frame(self) -> pl.DataFrame:
        """Return the resources held, one a row."""
        self.flush()
        names = (*self.layout.header, *self.layout.found, FULL_URL)
        return pl.concat([_make_frame((), names), *self._frames])

    def parts(self) -> pl.DataFrame:
        """Return the repeated elements held, one a row."""
        self.flush()
        return pl.concat([_make_frame((), self._part_names()), *self._parts])

    def send_on(self, send: Send) -> None:
        """Send the rows held, and all that are still to be read, somewhere else."""
        send(self.frame(), self.parts())
        self.send = send
        self._frames.clear()
        self._parts.clear()

    def _part_names(self) -> tuple[str, ...]:
        return ("index", *self.layout.part_header, *self.layout.part_found)

    def flush(self) -> None:
        """Make columns of the rows that are held as Python objects."""
        if not self._rows:
            return
        rows = [(record, *taken.cells, url) for record, url, taken in self._rows]
        names = (*self.layout.header, *self.layout.found, FULL_URL)
        frame = _make_frame(rows, names)
        parts = [
            (record, index, *part)
            for record, _, taken in self._rows
            for index, part in zip(self.layout.index_parts(taken.parts), taken.parts, strict=True)
        ]
        made = _make_frame(parts, self._part_names())
        self._rows.clear()
        if self.send is not None:
            self.send(frame, made)
            return
        self._frames.append(frame)
        if parts:
            self._parts.append(made)


def _make_frame(rows: Sequence[tuple[int | Cell, ...]], names: tuple[str, ...]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) if rows else [()] * (len(names) + 1)
    return pl.DataFrame(
        [
            pl.Series("record", columns[0], dtype=pl.Int64),
            *(
                pl.Series(name, column, dtype=pl.String)
                for name, column in zip(names, columns[1:], strict=True)
            ),
        ]
    )


@dataclass
class Resources:
    """All that was read of the files.

    tables: by file and resource type. others: resource types not read, counted, by file.
    empty: entries without a resource, by file. damaged: what cannot be read, by file: record,
    resource type, why, and its text.
    """

    tables: dict[Place, Collected] = field(default_factory=dict)
    others: dict[str, Counter[str]] = field(default_factory=dict)
    empty: Counter[str] = field(default_factory=Counter)
    damaged: dict[str, list[tuple[int, str | None, str, str]]] = field(default_factory=dict)

    def of_kind(self, kind: str) -> dict[Place, Collected]:
        """Return the tables of one resource type, by place."""
        return {place: table for place, table in self.tables.items() if place[1] == kind}


def collect(
    files: Files,
    members: Collection[str],
    words: Words,
    tell: Callable[[str], None],
    kinds: Collection[str] = FEW,
) -> Resources:
    """Read the resources of some types, and count every resource of every type."""
    found = Resources()
    for member in members:
        tell(f"reading {member}")
        others = found.others.setdefault(member, Counter())
        for entry in read_entries(files, member):
            if entry.damage is not None:
                _note_damage(found, member, entry, entry.damage)
            elif entry.kind is None:
                found.empty[member] += 1
            elif entry.kind not in LAYOUTS:
                others[entry.kind] += 1
            elif entry.kind in kinds:
                _take(found, member, entry, words, accept)
            else:
                _table_of(found, member, entry.kind).unread += 1
    return found


@dataclass(frozen=True)
class Wanted:
    """Resources that are read later than others: their types, and what this is called.

    ``judge`` names the rule that passes over one that was read, None to keep it.
    """

    kinds: Collection[str]
    name: str
    judge: Judge


def collect_more(
    files: Files, found: Resources, words: Words, wanted: Wanted, tell: Callable[[str], None]
) -> None:
    """Read further types of resources of the files that have any."""
    kinds = wanted.kinds
    for member in sorted({member for member, kind in found.tables if kind in kinds}):
        tell(f"reading the {wanted.name} of {member}")
        for entry in read_entries(files, member):
            if entry.kind in kinds and entry.damage is None:
                _take(found, member, entry, words, wanted.judge)
        for kind in kinds:
            if (member, kind) in found.tables:
                found.tables[member, kind].flush()


def accept(_: Taken) -> str | None:
    """Keep every resource."""
    return None


def _table_of(found: Resources, member: str, kind: str) -> Collected:
    place = (member, kind)
    if place not in found.tables:
        found.tables[place] = Collected(LAYOUTS[kind])
    return found.tables[place]


def _take(found: Resources, member: str, entry: Entry, words: Words, judge: Judge) -> None:
    assert entry.kind is not None
    table = _table_of(found, member, entry.kind)
    try:
        resource = _DECODERS[entry.kind].decode(entry.content)
        taken = table.layout.take(resource, words)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _note_damage(found, member, entry, str(error))
        return
    rule = taken if isinstance(taken, str) else judge(taken)
    if rule is not None:
        table.passed_over[rule] += 1
    elif isinstance(taken, Taken):
        table.add(entry.record, entry.full_url, taken)


def _note_damage(found: Resources, member: str, entry: Entry, why: str) -> None:
    text = bytes(entry.content)[:_SHOWN].decode("utf-8", errors="replace")
    found.damaged.setdefault(member, []).append((entry.record, entry.kind, why, text))
