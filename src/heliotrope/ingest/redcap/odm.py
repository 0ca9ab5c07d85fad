"""The project XML of REDCap (CDISC ODM): the fields of a project and, where there, its records."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.redcap.dictionary import (
    COMPLETE,
    NOT_EXPORTED,
    OWN_COLUMNS,
    RedcapField,
    check_fields,
    parse_choices,
    parse_missing_codes,
)

_TYPES = {"select": "dropdown", "textarea": "notes"}
_VALIDATIONS = {"int": "integer", "float": "number"}
_ONCE = "1"


@dataclass(frozen=True)
class OdmProject:
    """What a project XML says.

    forms: title by name. events: label by unique name. repeating: (event, form) pairs; of an
    event that repeats as a whole the form is empty. missing_codes: meaning by code. records: the
    records as text under REDCap's column names, as an export of raw values has them.
    """

    fields: tuple[RedcapField, ...]
    forms: dict[str, str]
    events: dict[str, str]
    repeating: frozenset[tuple[str, str]]
    missing_codes: dict[str, str]
    records: pl.DataFrame


@dataclass
class _Read:
    """What was met so far."""

    items: dict[str, dict[str, str]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    form_of: dict[str, str] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)
    form_groups: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, dict[str, str]] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    repeating: set[tuple[str, str]] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)
    record_field: str = ""
    rows: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)


def read_odm(content: bytes, file: str) -> OdmProject:
    """Read a project XML.

    Errors: not XML or cut off, one with a document type (REDCap writes none; it may hide an
    entity that swells), no fields: UserError.
    """
    if b"<!DOCTYPE" in content[:4096] or b"<!ENTITY" in content:
        raise UserError(
            "a project XML as REDCap writes it",
            Found("a document type or an entity", file),
            "do not open this file; download the project XML again",
        )
    read = _Read()
    try:
        for element, path in _walk(content):
            _take(element, path, read)
    except KeyError as error:
        raise UserError(
            "a project XML as REDCap writes it",
            Found(f"an element without {error}", file),
            "download the project XML again",
        ) from None
    except ElementTree.ParseError as error:
        raise UserError(
            "a project XML that can be read to its end",
            Found(f"{error}", file),
            "the file may have been cut off here: download it again",
        ) from None
    fields = tuple(_make_fields(read))
    check_fields(fields, file)
    return OdmProject(
        fields=fields,
        forms=read.forms,
        events=read.events,
        repeating=frozenset(read.repeating),
        missing_codes=read.missing,
        records=_make_records(read),
    )


def _name(text: str) -> str:
    return text.rpartition("}")[2]


def _attributes(element: ElementTree.Element) -> dict[str, str]:
    return {_name(name): value for name, value in element.attrib.items()}


def _walk(content: bytes) -> Iterator[tuple[ElementTree.Element, list[ElementTree.Element]]]:
    """Give each element at its end, with those it stands in; a record is let go once read."""
    path: list[ElementTree.Element] = []
    for happened, element in ElementTree.iterparse(io.BytesIO(content), ("start", "end")):
        if happened == "start":
            path.append(element)
            continue
        path.pop()
        yield element, path
        if _name(element.tag) in ("SubjectData", "StudyEventData", "FormData", "ItemDef"):
            element.clear()


def _take(element: ElementTree.Element, path: list[ElementTree.Element], read: _Read) -> None:
    tag, said = _name(element.tag), _attributes(element)
    if tag in ("ItemData", "ItemDataBase64Binary"):
        _take_value(said, path, read)
    elif tag == "ItemDef":
        texts = [node.text or "" for node in element.iter() if _name(node.tag) == "TranslatedText"]
        codes = [_attributes(node) for node in element if _name(node.tag) == "CodeListRef"]
        label = {"label": texts[0].strip()} if texts else {}
        said |= label | ({"codes": codes[0]["CodeListOID"]} if codes else {})
        read.items[said["OID"]] = said
    elif tag == "CodeListItem":
        texts = [node.text or "" for node in element.iter() if _name(node.tag) == "TranslatedText"]
        owner = _attributes(path[-1])["OID"]
        read.choices.setdefault(owner, {})[said["CodedValue"]] = texts[0].strip() if texts else ""
    elif tag == "CodeList" and said.get("CheckboxChoices"):
        read.choices[said["OID"]] = parse_choices(said["CheckboxChoices"])
    elif tag == "MissingDataCodes":
        read.missing = parse_missing_codes(element.text or "")
    elif tag == "ItemGroupDef":
        items = [_attributes(node)["ItemOID"] for node in element if _name(node.tag) == "ItemRef"]
        read.groups[said["OID"]] = items
    else:
        _take_form_or_event(element, tag, said, read)


def _take_form_or_event(
    element: ElementTree.Element, tag: str, said: dict[str, str], read: _Read
) -> None:
    if tag == "FormDef":
        form = said.get("FormName") or said["OID"].partition(".")[2]
        read.forms[form] = said.get("Name", form)
        read.form_groups[form] = [
            _attributes(node)["ItemGroupOID"]
            for node in element
            if _name(node.tag) == "ItemGroupRef"
        ]
    elif tag == "StudyEventDef":
        name = said.get("UniqueEventName") or said["OID"].partition(".")[2]
        read.events[name] = said.get("EventName") or said.get("Name", name)
    elif tag == "RepeatingInstrument":
        read.repeating.add((said.get("UniqueEventName", ""), said.get("RepeatInstrument", "")))
    elif tag == "RepeatingEvent":
        read.repeating.add((said.get("UniqueEventName", ""), ""))
    elif tag == "MetaDataVersion":
        read.record_field = said.get("RecordIdField", "")


def _take_value(said: dict[str, str], path: list[ElementTree.Element], read: _Read) -> None:
    above = {_name(element.tag): _attributes(element) for element in path}
    event = above.get("StudyEventData", {})
    form = above.get("FormData", {})
    name = event.get("UniqueEventName") or event.get("StudyEventOID", "").partition(".")[2]
    form_name = form.get("FormOID", "").partition(".")[2]
    instance = form.get("FormRepeatKey", _ONCE)
    repeats = {pair for pair in read.repeating if not name or pair[0] == name}
    if (name, "") in read.repeating:
        place = (name, "", event.get("StudyEventRepeatKey", _ONCE))
    elif instance != _ONCE or any(pair[1] == form_name for pair in repeats):
        place = (name, form_name, instance)
    else:
        place = (name, "", "")
    record = above["SubjectData"]["SubjectKey"]
    row = read.rows.setdefault((record, *place), {})
    row[said["ItemOID"]] = said.get("Value") or said.get("DocName", "")


def _make_fields(read: _Read) -> Iterator[RedcapField]:
    done: set[str] = set()
    for form, groups in read.form_groups.items():
        for oid in (oid for group in groups for oid in read.groups.get(group, [])):
            said = read.items.get(oid)
            name = "" if said is None else said.get("Variable", oid)
            if said is None or name in done or name in (f"{form}{COMPLETE}", *OWN_COLUMNS):
                continue
            done.add(name)
            kind, validation = said.get("FieldType", "text"), said.get("TextValidationType", "")
            yield RedcapField(
                name,
                form,
                _TYPES.get(kind, kind),
                said.get("label", ""),
                read.choices.get(said.get("codes", ""), {}),
                _VALIDATIONS.get(validation, validation),
            )


def _make_records(read: _Read) -> pl.DataFrame:
    """Lay the values out as an export does: a row for each record, event and instance."""
    met = {name for row in read.rows.values() for name in row}
    listed = [
        oid
        for groups in read.form_groups.values()
        for g in groups
        for oid in read.groups.get(g, [])
    ]
    silent = {oid for oid, item in read.items.items() if item.get("FieldType") in NOT_EXPORTED}
    listed = [oid for oid in listed if oid not in silent]
    first = read.record_field or next(iter(listed), "record_id")
    keys = ["redcap_event_name"] if any(key[1] for key in read.rows) else []
    repeats = any(key[2] or key[3] for key in read.rows)
    keys += ["redcap_repeat_instrument", "redcap_repeat_instance"] if repeats else []
    unlisted = sorted(met - set(listed))
    names = list(dict.fromkeys([first, *keys, *unlisted, *listed]))
    columns: dict[str, list[str | None]] = {name: [] for name in names}
    for (record, event, form, instance), row in read.rows.items():
        own = {first: record, "redcap_event_name": event, "redcap_repeat_instrument": form}
        own["redcap_repeat_instance"] = instance
        for name in names:
            columns[name].append(own.get(name, row.get(name)))
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
