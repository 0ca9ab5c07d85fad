"""Propose how the forms of a REDCap project are read, by its dictionary and what was entered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.ingest.columns import VALUE_COLUMNS
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import RedcapSource
from heliotrope.ingest.proposal.names import Names
from heliotrope.ingest.proposal.parts import (
    Entry,
    ProposedFile,
    ProposedMeasure,
    ProposedSource,
)
from heliotrope.ingest.proposal.profile import Labels, profile_table
from heliotrope.ingest.proposal.tables import propose_file
from heliotrope.ingest.redcap.project import Project


def propose_project(
    project: Project, source: RedcapSource, context: ReadContext, words: MappingWords, names: Names
) -> ProposedFile:
    """Propose the tables of a project; each table belongs to one form.

    Rule: as for any table of unknown columns, with the labels and choices of the dictionary. What
    lies on several forms becomes one entry a form; a date, or another field, of a form beside it
    is carried over from the same event.
    """
    labels = {
        name: Labels(field.label or None, field.choices) for name, field in project.owners.items()
    }
    table = profile_table(project.raw, labels, context, words)
    file = propose_file(table, source.file, context, words, names)
    forms = {name: field.form for name, field in project.owners.items()}
    sources = [part for item in file.sources for part in _split(item, forms)]
    return replace(file, sources=tuple(sources), form=source)


def _split(source: ProposedSource, forms: Mapping[str, str]) -> Iterable[ProposedSource]:
    """Split an entry by the forms of its fields; the record's own field needs no line."""
    fields = tuple(line for line in source.columns if line.key != "patient_id")
    bare = replace(source, columns=fields, header_lines=())
    if not source.measures:
        decisive = [line for name in VALUE_COLUMNS[source.table] for line in fields
                    if line.key == name]  # fmt: skip
        first = next(iter([*decisive, *fields]), None)
        return [bare if first is None else _belong(bare, forms.get(first.value), forms)]
    by_form: dict[str | None, list[ProposedMeasure]] = {}
    for item in source.measures:
        column = next(line.value for line in item.lines if line.key == "column")
        by_form.setdefault(forms.get(column), []).append(item)
    return [
        _belong(replace(bare, measures=tuple(measures)), form, forms)
        for form, measures in by_form.items()
    ]


def _belong(source: ProposedSource, form: str | None, forms: Mapping[str, str]) -> ProposedSource:
    """Keep the fields of one form; those of other forms are carried over from the same event."""

    def is_here(line: Entry) -> bool:
        return forms.get(line.value) == form

    return replace(
        source,
        columns=tuple(line for line in source.columns if is_here(line)),
        carried=tuple(line for line in source.columns if not is_here(line)),
        evidence=f"form {form}" if form else source.evidence,
    )
