"""A REDCap project as read: its export as text, its fields, events, forms and codes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.definitions.redcap_project import redcap_project_of
from heliotrope.errors import Found, UserError
from heliotrope.ingest.context import ReadContext, normalise_word
from heliotrope.ingest.declared import RedcapSource
from heliotrope.ingest.delivery import Note
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.redcap.dictionary import (
    COMPLETE,
    COMPLETE_STATES,
    Columns,
    RedcapField,
    list_columns,
    parse_missing_codes,
    read_dictionary,
)
from heliotrope.ingest.redcap.export import Export, columns_of, read_export
from heliotrope.ingest.redcap.files import ProjectFiles
from heliotrope.ingest.redcap.odm import OdmProject, read_odm
from heliotrope.ingest.staged import missing_tokens
from heliotrope.ingest.tabular.delimited import TextFile, decode

_COLUMNS_SAID = 8
_OF_A_SURVEY = "[not completed]"


@dataclass(frozen=True)
class Project:
    """Everything a REDCap project says of itself.

    raw: the export. columns: number by REDCap's column name. fields: by name; empty without a
    dictionary. owners: the field of each column. events: label by unique name. forms: title by
    name. is_labelled: whether choices were exported as labels. missing: words that mean 'not
    recorded', the project's own codes with them.
    """

    raw: RawTable
    columns: Mapping[str, int]
    fields: Mapping[str, RedcapField]
    owners: Mapping[str, RedcapField]
    record_field: str
    events: Mapping[str, str]
    forms: Mapping[str, str]
    is_labelled: bool
    format: Format
    missing: list[str]
    notes: tuple[Note, ...]

    def find_form(self, text: str) -> str | None:
        """Return the form that a name or title means."""
        if text in self.forms:
            return text
        plain = normalise_word(text)
        return next(
            (n for n, title in self.forms.items() if plain in map(normalise_word, (n, title))), None
        )

    def find_event(self, text: str) -> str | None:
        """Return the unique name of an event, by its name or label, the arm with it or not."""
        if text in self.events:
            return text
        plain = text.rpartition(" (Arm ")[0] or text
        named = [name for name, label in self.events.items() if label == plain]
        if len(named) > 1:
            arm = text.rpartition(" (Arm ")[2].partition(":")[0].strip()
            named = [name for name in named if name.endswith(f"_arm_{arm}")]
        return named[0] if len(named) == 1 else None


def read_project(
    found: ProjectFiles, source: RedcapSource, format: Format, context: ReadContext
) -> Project:
    """Read every file of a project.

    A CSV export counts before the records in the XML, a downloaded dictionary before its fields.
    Errors: those of the readers of each file; a project XML without records and no export.
    """
    odm = None if found.xml is None else _read_xml(found, found.xml)
    fields = _read_fields(found, odm, format.encoding)
    forms = {item.form: item.form for item in fields} | (odm.forms if odm else {})
    forms |= _read_titles(found, format.encoding, context)
    codes = (odm.missing_codes if odm else {}) | _read_missing_codes(found, format.encoding)
    known = list_columns(fields, codes) if fields else None
    export = _from_odm(found, odm) if found.export is None else _from_csv(found, format, known)
    events = (odm.events if odm else {}) | _read_events(found, format.encoding)
    is_labelled = _tell_labelled(export, known, source)
    words = (*codes, *(codes.values() if is_labelled else ()), _OF_A_SURVEY)
    format = format.model_copy(update={"missing": (*format.missing, *words)})
    project = Project(
        raw=export.raw,
        columns=export.columns,
        fields={item.name: item for item in fields},
        owners=known.fields if known else {},
        record_field=fields[0].name if fields else next(iter(export.columns)),
        events=events,
        forms=forms or _forms_of(export),
        is_labelled=is_labelled,
        format=format,
        missing=missing_tokens(context, format),
        notes=tuple(_note(export, known, found)),
    )
    _check_record_field(project)
    return project


def _read_xml(found: ProjectFiles, member: str) -> OdmProject:
    """Read the project XML an element at a time; its hash is taken beside it."""
    found.files.hash(member)
    with found.files.open(member) as stream:
        return read_odm(stream, member)


def _read_fields(
    found: ProjectFiles, odm: OdmProject | None, encoding: str | None
) -> tuple[RedcapField, ...]:
    """Read the dictionary that fits the export best; without one, the fields of the XML."""
    texts = {name: _text(found, name, encoding) for name in found.dictionaries}
    read = {name: read_dictionary(text, found.place(name)[0]) for name, text in texts.items()}
    if not read:
        return odm.fields if odm else ()
    if len(read) == 1 or found.export is None:
        return next(iter(read.values()))
    head = _text(found, found.export, encoding).partition("\n")[0]
    return max(read.values(), key=lambda fields: sum(item.name in head for item in fields))


def _text(found: ProjectFiles, member: str, encoding: str | None) -> str:
    """Read a file about the project: UTF-8 as REDCap writes it, else as the export is written."""
    source = TextFile(member, "", found.read(member))
    text, guessed = decode(source, None)
    return decode(source, encoding)[0] if guessed and encoding else text


def _from_csv(found: ProjectFiles, format: Format, known: Columns | None) -> Export:
    assert found.export is not None
    file, sheet = found.place(found.export)
    content = found.read(found.export)
    export = read_export(TextFile(file, found.files.hash(found.export), content), format, known)
    return export if sheet is None else replace(export, raw=replace(export.raw, sheet=sheet))


def _from_odm(found: ProjectFiles, odm: OdmProject | None) -> Export:
    if odm is None or found.xml is None or odm.records.is_empty():
        raise UserError(
            "a data export, or a project XML with records",
            Found("a project XML that holds no record", found.xml),
            "download the project XML with its data, or export the data as CSV (raw)",
        )
    file, sheet = found.place(found.xml)
    header = tuple(odm.records.columns)
    cells = odm.records.rename({name: str(number) for number, name in enumerate(header)})
    raw = RawTable(file, sheet, found.files.hash(found.xml), header, cells, 1)
    return Export(raw, columns_of(raw), is_labelled=False)


def _read_events(found: ProjectFiles, encoding: str | None) -> dict[str, str]:
    events: dict[str, str] = {}
    for name in found.events:
        for row in _read_rows(_text(found, name, encoding)):
            unique = (row.get("unique_event_name") or "").strip()
            events |= {unique: (row.get("event_name") or unique).strip()} if unique else {}
    return events


def _read_missing_codes(found: ProjectFiles, encoding: str | None) -> dict[str, str]:
    """Read the missing-data codes out of the settings of the project, as the interface has them."""
    codes: dict[str, str] = {}
    for name in found.settings:
        for row in _read_rows(_text(found, name, encoding)):
            codes |= parse_missing_codes(row.get("missing_data_codes") or "")
    return codes


def _read_titles(found: ProjectFiles, encoding: str | None, context: ReadContext) -> dict[str, str]:
    """Read the titles of the forms, by which an export of labels names them; ours are known."""
    titles = {form.id: form.title for form in redcap_project_of(context.rulebook).forms}
    for name in found.instruments:
        for row in _read_rows(_text(found, name, encoding)):
            form = (row.get("instrument_name") or "").strip()
            titles |= {form: (row.get("instrument_label") or form).strip()} if form else {}
    return titles


def _read_rows(text: str) -> Iterator[dict[str, str]]:
    separator = max(",;\t|", key=text.partition("\n")[0].count)
    yield from csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)


def _forms_of(export: Export) -> dict[str, str]:
    """Return the forms that an export names, where there is no dictionary."""
    names = {name.removesuffix(COMPLETE) for name in export.columns if name.endswith(COMPLETE)}
    number = export.columns.get("redcap_repeat_instrument")
    if number is not None:
        names |= set(export.raw.cells[str(number)].drop_nulls().unique().to_list()) - {""}
    return {name: name for name in sorted(names)}


def _tell_labelled(export: Export, known: Columns | None, source: RedcapSource) -> bool:
    """Say whether choices are labels: as declared, else by the states of the forms and the cells.

    A cell counts if it is a code or a label and not both.
    """
    if source.values is not None:
        return source.values == "label"
    codes = labels = 0
    owners = known.fields if known else {}
    states = {name: RedcapField(name, "", choices=COMPLETE_STATES) for name in export.columns}
    for name, number in export.columns.items():
        field = owners.get(name) or (states[name] if name.endswith(COMPLETE) else None)
        if field is None or not field.choices or field.is_checkbox:
            continue
        texts = set(export.raw.cells[str(number)].drop_nulls().unique().to_list())
        of_label = set(field.choices.values())
        codes += len(texts & (set(field.choices) - of_label))
        labels += len(texts & (of_label - set(field.choices)))
    return labels > codes


def _check_record_field(project: Project) -> None:
    if project.record_field not in project.columns:
        raw = project.raw
        raise UserError(
            f"the record's own column '{project.record_field}', the first field of the dictionary",
            Found(f"columns {', '.join(raw.header[:_COLUMNS_SAID])}", raw.file, raw.sheet, 1),
            "export the record ID with the data; an export without it cannot be read",
        )


def _note(export: Export, known: Columns | None, found: ProjectFiles) -> list[Note]:
    """Say where export and dictionary differ, and what stands in the folder besides."""
    notes = [Note("file_unused", found.place(name)[0]) for name in found.others]
    if known is None:
        return [*notes, Note("redcap_without_dictionary", "no data dictionary", export.raw)]
    unclear = set(export.unclear)
    notes += [
        Note(
            "redcap_column_unknown",
            f"{name}; its heading is that of several fields: export with field names"
            if name in unclear
            else name,
            export.raw,
            name,
        )
        for name in export.unknown
    ]
    absent = list(
        dict.fromkeys(
            field.name
            for name, field in known.fields.items()
            if name not in export.columns and name not in known.optional
        )
    )
    if absent:
        more = f" and {len(absent) - _COLUMNS_SAID} more" if len(absent) > _COLUMNS_SAID else ""
        said = ", ".join(absent[:_COLUMNS_SAID]) + more
        notes.append(Note("redcap_field_not_exported", said, export.raw))
    return notes


def count_filled(project: Project, column: str) -> int:
    """Return how many cells of a column hold something."""
    texts = project.raw.cells[str(project.columns[column])].str.strip_chars().str.to_lowercase()
    return int(texts.is_in(project.missing).fill_null(True).not_().sum() or 0)


def is_filled(column: pl.Expr, missing: list[str]) -> pl.Expr:
    """Say of each cell whether it holds something; never null."""
    return column.str.strip_chars().str.to_lowercase().is_in(missing).fill_null(True).not_()
