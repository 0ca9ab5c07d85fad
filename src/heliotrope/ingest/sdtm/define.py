"""Read the names of datasets and variables out of define.xml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from heliotrope.errors import Found, UserError


@dataclass(frozen=True)
class Labels:
    """What define.xml calls the datasets, and the variables by dataset and name."""

    datasets: Mapping[str, str]
    variables: Mapping[tuple[str, str], str]


def read_define(content: bytes, place: str) -> Labels:
    """Read define.xml of version 1.0, 2.0 or 2.1.

    Errors: no XML, or one that declares entities of its own (a bomb): UserError.
    """
    if b"<!ENTITY" in content or b"<!DOCTYPE" in content:
        raise _refuse(place, "a document type of its own")
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise _refuse(place, str(error)) from None
    variables = {
        item.get("OID", ""): (item.get("Name", ""), _label(item)) for item in _all(root, "ItemDef")
    }
    datasets: dict[str, str] = {}
    labels: dict[tuple[str, str], str] = {}
    for group in _all(root, "ItemGroupDef"):
        name = group.get("Name", "").upper()
        datasets[name] = _label(group)
        for item in _all(group, "ItemRef"):
            variable, label = variables.get(item.get("ItemOID", ""), ("", ""))
            labels[name, variable.upper()] = label
    return Labels(datasets, labels)


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
