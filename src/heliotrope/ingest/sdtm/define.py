"""Read the names of datasets and variables, code lists and origins out of define.xml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from heliotrope.errors import Found, UserError


@dataclass(frozen=True)
class Definitions:
    """What define.xml calls the datasets, and the variables by dataset and name.

    codes: the meaning of each code of a variable with a code list. origins: where the values of
    a variable come from (CRF, Derived ...).
    """

    datasets: Mapping[str, str]
    variables: Mapping[tuple[str, str], str]
    codes: Mapping[tuple[str, str], Mapping[str, str]]
    origins: Mapping[tuple[str, str], str]


def read_define(content: bytes, place: str) -> Definitions:
    """Read define.xml of version 1.0, 2.0 or 2.1.

    Errors: no XML, or one that declares entities of its own (a bomb): UserError.
    """
    plain = content.replace(b"\x00", b"")
    if b"<!ENTITY" in plain or b"<!DOCTYPE" in plain:
        raise _refuse(place, "a document type of its own")
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise _refuse(place, str(error)) from None
    items = {item.get("OID", ""): item for item in _all(root, "ItemDef")}
    lists = {item.get("OID", ""): _read_codes(item) for item in _all(root, "CodeList")}
    datasets: dict[str, str] = {}
    labels: dict[tuple[str, str], str] = {}
    codes: dict[tuple[str, str], Mapping[str, str]] = {}
    origins: dict[tuple[str, str], str] = {}
    for group in _all(root, "ItemGroupDef"):
        name = group.get("Name", "").upper()
        datasets[name] = _label(group)
        for reference in _all(group, "ItemRef"):
            item = items.get(reference.get("ItemOID", ""))
            if item is None:
                continue
            key = (name, item.get("Name", "").upper())
            labels[key] = _label(item)
            listed = next((lists.get(n.get("CodeListOID", "")) for n in _all(item, "CodeListRef")),
                          None)  # fmt: skip
            codes |= {key: listed} if listed else {}
            origin = _find_origin(item)
            origins |= {key: origin} if origin else {}
    return Definitions(datasets, labels, codes, origins)


def _read_codes(item: ElementTree.Element) -> dict[str, str]:
    """Return the codes of a code list that have a meaning beside them."""
    codes: dict[str, str] = {}
    for code in _all(item, "CodeListItem"):
        texts = [node.text or "" for node in _all(code, "TranslatedText")]
        meaning = " ".join(" ".join(texts).split())
        codes |= {code.get("CodedValue", ""): meaning} if meaning else {}
    return codes


def _find_origin(item: ElementTree.Element) -> str | None:
    """Return where the values come from: an attribute in version 1, an element since."""
    node = next(iter(_all(item, "Origin")), None)
    return item.get("Origin") or (None if node is None else node.get("Type"))


def _all(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [item for item in root.iter() if item.tag.rpartition("}")[2] == name]


def _label(item: ElementTree.Element) -> str:
    for name, value in item.attrib.items():
        if name.rpartition("}")[2] == "Label":
            return value
    texts = [text.text or "" for part in item if part.tag.endswith("Description") for text in part]
    return " ".join(texts).strip()


def _refuse(place: str, found: str) -> UserError:
    return UserError(
        "a define.xml that can be read",
        Found(found, place),
        "export it again, or take it out of the folder: only labels are read from it",
    )
