"""What a REDCap data dictionary says of an export's columns: labels, codes, identifiers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from heliotrope.ingest.context import normalise_word
from heliotrope.ingest.proposal.profile import Labels
from heliotrope.ingest.raw import RawTable

# The first column of a data dictionary, as it is downloaded and as the API gives it.
_FIRST = ("variable / field name", "field name")
_LABEL = ("field label",)
_CHOICES = ("choices, calculations, or slider labels", "select choices or calculations")
_PERSON = ("identifier?", "identifier")
_TRUE_FALSE = {"yesno": {"1": "yes", "0": "no"}, "truefalse": {"1": "true", "0": "false"}}
_MARKUP = re.compile(r"<[^>]*>")


def is_dictionary(raw: RawTable) -> bool:
    """Say whether a table is a REDCap data dictionary and no records."""
    return bool(raw.header) and normalise_word(raw.header[0]) in _FIRST


def read_labels(raw: RawTable) -> dict[str, Labels]:
    """Read the label, the codes and the identifier mark of every field.

    Choices such as ``0, Female | 1, Male`` become codes with their labels.
    """
    plain = [normalise_word(name) for name in raw.header]

    def find(names: tuple[str, ...]) -> str | None:
        return next((str(plain.index(name)) for name in names if name in plain), None)

    label, choices, person = find(_LABEL), find(_CHOICES), find(_PERSON)
    kind = find(("field type",))
    read = {}
    for row in raw.cells.iter_rows(named=True):
        name = (row["0"] or "").strip()
        if name:
            read[name] = Labels(
                label=_clean(row[label]) if label else None,
                codes=_read_choices(row, choices, kind),
                is_identifying=bool(person and (row[person] or "").strip()),
            )
    return read


def _clean(text: str | None) -> str | None:
    plain = " ".join(_MARKUP.sub(" ", text or "").split())
    return plain or None


def _read_choices(
    row: Mapping[str, str | None], choices: str | None, kind: str | None
) -> dict[str, str]:
    by_kind = _TRUE_FALSE.get((row[kind] or "").strip()) if kind else None
    if by_kind is not None:
        return dict(by_kind)
    codes = {}
    for part in (row[choices] or "").split("|") if choices else ():
        code, comma, said = part.partition(",")
        if comma and code.strip() and said.strip():
            codes[code.strip()] = said.strip()
    return codes
