"""A project that nobody has mapped: its children are counted, its fields only recognised."""

from __future__ import annotations

import re
from collections.abc import Iterator

from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import RedcapTable
from heliotrope.ingest.delivery import Note
from heliotrope.ingest.redcap.project import Project

_UNIT_BESIDE = re.compile(r"\s*[\(\[].*$")


def list_tables_of_nothing() -> tuple[RedcapTable, ...]:
    """Return the one table that needs no mapping: each record is a child."""
    return (RedcapTable(table="patient"),)


def recognise_fields(project: Project, context: ReadContext) -> Iterator[tuple[str, str, str]]:
    """Give each field whose name or label is a measure's: the field, the measure, the words.

    Nothing is mapped by this: it is a proposal for a person to look at.
    """
    for field in project.fields.values():
        if field.name not in project.columns:
            continue
        for words in (field.name, field.label, _UNIT_BESIDE.sub("", field.label)):
            measure = context.measure_lookup.find(words) if words else None
            if measure is not None:
                yield field.name, measure, words
                break


def say_unmapped(project: Project, context: ReadContext) -> list[Note]:
    """Say that nothing but the children is read, and what each recognised field may be."""
    said = f"{len(project.columns)} columns of a project with other fields than ours"
    notes = [Note("redcap_not_mapped", said, project.raw)]
    notes += [
        Note("redcap_field_recognised", f"'{words}' may be {measure}", project.raw, field)
        for field, measure, words in recognise_fields(project, context)
    ]
    return notes
