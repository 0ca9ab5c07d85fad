"""The project XML of REDCap (CDISC ODM): the fields of a project and, where there, its records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO
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
# Values held as they were met, before they become columns.
_HELD = 200_000
_VALUES = {"row": pl.Int64, "name": pl.String, "value": pl.String}


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
    rows: dict[tuple[str, ...], int] = field(default_factory=dict)
    held: list[tuple[int, str, str]] = field(default_factory=list)
    values: list[pl.DataFrame] = field(default_factory=list)

    def add(self, key: tuple[str, ...], name: str, value: str) -> None:
        """Hold one value of a row: of a large file columns are held, no objects."""
        self.held.append((self.rows.setdefault(key, len(self.rows)), name, value))
        if len(self.held) >= _HELD:
            self.flush()

    def flush(self) -> None:
        """Turn the values held into columns."""
        self.values.append(pl.DataFrame(self.held, schema=_VALUES, orient="row"))
        self.held.clear()


class _Watched:
    """A file being read that declares nothing of its own: an entity may swell up like a bomb."""

    def __init__(self, stream: IO[bytes], file: str) -> None:
        self._stream, self._file, self._end = stream, file, b""

    def read(self, size: int = -1) -> bytes:
        """Read on. Errors: a document type or an entity, in any encoding: UserError."""
        block = self._stream.read(size)
        plain = self._end + block.replace(b"\x00", b"")
        if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
            raise UserError(
                "a project XML as REDCap writes it",
                Found("a document type or an entity", self._file),
                "do not open this file; download the project XML again",
            )
        self._end = plain[-len(b"<!DOCTYPE") :]
        return block


def read_odm(stream: IO[bytes], file: str) -> OdmProject:
    """Read a project XML, an element at a time.

    Errors: not XML or cut off, one with a document type (REDCap writes none; it may hide an
    entity that swells), no fields: UserError.
    """
    read = _Read()
    try:
        for element, path in _walk(_Watched(stream, file)):
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


def _walk(content: _Watched) -> Iterator[tuple[ElementTree.Element, list[ElementTree.Element]]]:
    """Give each element at its end, with those it stands in; a record is let go once read."""
    path: list[ElementTree.Element] = []
    for happened, element in ElementTree.iterparse(content, ("start", "end")):
        if happened == "start":
            path.append(element)
            continue
        path.pop()
        yield element, path
        if _name(element.tag) in ("SubjectData", "StudyEventData", "FormData", "ItemDef"):
            element.clear()
            if path and _name(element.tag) == "SubjectData":
                path[-1].remove(element)


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
    value = said.get("Value") or said.get("DocName", "")
    read.add((record, *place), said["ItemOID"], value)


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
    read.flush()
    values = pl.concat(read.values).unique(["row", "name"], keep="last", maintain_order=True)
    met = set(values["name"].unique().to_list())
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
    own = (first, "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance")
    schema = dict.fromkeys(own, pl.String)
    rows = pl.DataFrame(list(read.rows), schema=schema, orient="row").with_row_index("row")
    columns = {
        str(name): part.drop("name").rename({"value": str(name)})
        for (name,), part in values.partition_by("name", as_dict=True).items()
    }
    rows = rows.with_columns(pl.col("row").cast(pl.Int64))
    for name in names:
        if name in columns and name not in own:
            rows = rows.join(columns[name], on="row", how="left", maintain_order="left")
    absent = [pl.lit(None, pl.String).alias(name) for name in names if name not in rows.columns]
    return rows.with_columns(absent).select(names)
