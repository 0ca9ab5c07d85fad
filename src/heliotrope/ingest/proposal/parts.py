"""The parts of a proposed mapping: what is proposed, by which evidence, and what is in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from heliotrope.ingest.declared import FormSource


@dataclass(frozen=True)
class Entry:
    """One line: a key and its value, the evidence for it, and the doubt, if any.

    A line in doubt is written commented out; ``doubt`` says what a person must decide.
    """

    key: str
    value: str
    evidence: str = ""
    doubt: str | None = None


@dataclass(frozen=True)
class ProposedMeasure:
    """One column that holds one measure."""

    lines: tuple[Entry, ...]
    evidence: str
    doubt: str | None = None


@dataclass(frozen=True)
class ProposedScale:
    """A scale that the study must declare before a column can be read: ``[measures.NAME]``."""

    measure: str
    lines: tuple[Entry, ...]
    doubt: str


@dataclass(frozen=True)
class Codes:
    """The code list of one of our columns."""

    column: str
    lines: tuple[Entry, ...]


@dataclass(frozen=True)
class ProposedSource:
    """One ``[[source]]``: a file or sheet read into one table.

    columns: our column = theirs; carried: those of another form of a REDCap event.
    constants, codes, dates: as in study.toml. doubt: the whole entry is in doubt.
    """

    file: str
    table: str
    sheet: str | None = None
    header_lines: tuple[Entry, ...] = ()
    columns: tuple[Entry, ...] = ()
    carried: tuple[Entry, ...] = ()
    constants: tuple[Entry, ...] = ()
    dates: tuple[Entry, ...] = ()
    codes: tuple[Codes, ...] = ()
    measures: tuple[ProposedMeasure, ...] = ()
    evidence: str = ""
    doubt: str | None = None

    def doubting(self, why: str | None) -> ProposedSource:
        """Return the entry with a doubt about all of it, if there is one."""
        return self if why is None else replace(self, doubt=why)


@dataclass(frozen=True)
class Unplaced:
    """A column that was not placed: how its cells look, and why it was left."""

    column: str
    looks: str
    why: str


@dataclass(frozen=True)
class ProposedFile:
    """All that is proposed for one file, sheet or REDCap project (``form``)."""

    file: str
    sheet: str | None
    rows: int
    sources: tuple[ProposedSource, ...]
    unplaced: tuple[Unplaced, ...] = ()
    notes: tuple[str, ...] = ()
    scales: tuple[ProposedScale, ...] = ()
    form: FormSource | None = None


@dataclass(frozen=True)
class ProposedForm:
    """A source of a form that is read without a mapping: SDTM, OMOP, FHIR, our REDCap project."""

    source: FormSource
    evidence: str


@dataclass(frozen=True)
class Proposal:
    """A whole proposed study."""

    id: str
    files: tuple[ProposedFile, ...] = ()
    forms: tuple[ProposedForm, ...] = ()
    notes: tuple[str, ...] = ()
    labels_from: Mapping[str, str] = field(default_factory=dict)
