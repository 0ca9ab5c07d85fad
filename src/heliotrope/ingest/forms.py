"""The forms in which records exist, and which reader reads each.

A study names its sources as ``[[source]]`` in study.toml; ``form`` says how they are written:
plain tables where it says nothing, else ``redcap``, ``sdtm``, ``omop`` or ``fhir``. Each reader
hands over the same thing, a ``Delivery``, and is imported when a study needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import FormSource
from heliotrope.ingest.delivery import Delivery
from heliotrope.ingest.ingested import StudySources
from heliotrope.ingest.mapping import SourceMapping
from heliotrope.ingest.tabular.deliver import Tables, deliver_tables
from heliotrope.ingest.tabular.sources import Discovered, find_tables, holds_tables

Tell = Callable[[str], None]

# The package that reads each form.
READERS: dict[str, str] = {
    "omop": "heliotrope.ingest.omop",
    "redcap": "heliotrope.ingest.redcap",
    "sdtm": "heliotrope.ingest.sdtm",
    "fhir": "heliotrope.ingest.fhir",
}


# The forms whose rows may stay where they are until the study is cut by children.
_APART = frozenset({"omop", "fhir"})


class FormReader(Protocol):
    """What the package of a form offers."""

    @staticmethod
    def deliver(
        folder: Path, source: FormSource, context: ReadContext, tell: Tell, **large: int | None
    ) -> Delivery:
        """Read one source and lay it out as ours; ``large_from``: see ``read_deliveries``."""

    @staticmethod
    def recognise(path: Path) -> FormSource | None:
        """Say whether a folder or file is of this form, and how it would be declared."""


def find_reader(form: str) -> FormReader:
    """Load the reader of a form."""
    return cast(FormReader, import_module(READERS[form]))


def recognise_form(path: Path) -> FormSource | None:
    """Find the form of a folder or file that is not plain tables; None if it is of none.

    A folder that holds nothing but one archive is what that archive is.
    """
    paths = [path]
    if path.is_dir():
        packed = [item for item in path.iterdir() if item.suffix.casefold() == ".zip"]
        paths += packed if len(packed) == 1 else []
    found = (find_reader(form).recognise(item) for item in paths for form in READERS)
    return next((source for source in found if source is not None), None)


def find_sources(path: Path) -> Discovered:
    """Find what a folder or file holds: tables under our names, else records of another form.

    Errors: those of ``find_tables``, where it is of no form that is known.
    """
    form = None if holds_tables(path) else recognise_form(path)
    return find_tables(path) if form is None else Discovered((form,), ())


def read_deliveries(
    study: StudySources, context: ReadContext, tell: Tell, large_from: int | None
) -> list[Delivery]:
    """Read every source of a study, each by the reader of its form.

    Rule: what a source does not say of how its files are written the study says for all. Plain
    tables of ``large_from`` bytes of text stay on disk, rows of so many of some forms where they
    are; None: all are held.
    Errors: those of the readers.
    """
    tables = [source for source in study.sources if isinstance(source, SourceMapping)]
    deliveries = []
    if tables:
        deliveries.append(
            deliver_tables(Tables(study.folder, tables, study.format, large_from), context, tell)
        )
    for source in study.sources:
        if not isinstance(source, SourceMapping):
            reader = find_reader(source.form)
            written = source.within(study.format)
            large = {"large_from": large_from} if source.form in _APART else {}
            delivery = reader.deliver(study.folder, written, context, tell, **large)
            deliveries.append(replace(delivery, source=source.file))
    return deliveries
