"""Read the data export: its cells as text, and which column is which field."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from heliotrope.errors import Found, UserError
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.redcap.dictionary import OWN_COLUMNS, TIMESTAMP, Columns
from heliotrope.ingest.tabular.delimited import TextFile, decode, find_separator, read_delimited

_CARET = "^"
_MARKUP = re.compile(r"<[^>]+>")

# A dictionary that knows fewer of the columns than this share belongs to another project.
_ONE_IN = 2


@dataclass(frozen=True)
class Export:
    """The export and where each column of REDCap's stands in it.

    columns: number by REDCap's name. is_labelled: whether the headings are labels. unknown:
    headings that the dictionary does not have. unclear: headings that could be several fields.
    """

    raw: RawTable
    columns: Mapping[str, int]
    is_labelled: bool
    unknown: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


def read_export(source: TextFile, format: Format, known: Columns | None) -> Export:
    """Read an export with REDCap's names or with labels in its first line.

    Rule: headings that stand twice (REDCap writes 'Complete?' for every form) are told apart by
    the field they are, in the order of the dictionary. Without a dictionary the headings are the
    names. Errors: those of ``read_delimited``; a dictionary that knows less than half of the
    columns: UserError.
    """
    text, _ = decode(source, format.encoding)
    separator = format.separator or _find_separator(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header = [name.strip() for name in next(reader, [])]
    lines = reader.line_num
    names, is_labelled, unclear = _name_columns(header, known)
    if is_labelled:
        source = replace(source, content=_with_header(text, lines, header, names, separator))
        format = format.model_copy(update={"encoding": "utf-8"})
    raw = read_delimited(source, format.model_copy(update={"separator": separator}))
    columns = {name: number for number, name in enumerate(names) if name is not None}
    unknown = tuple(
        heading for heading, name in zip(raw.header, names, strict=True) if name is None
    )
    if known is not None:
        unknown = _check_dictionary(raw, columns, known)
    return Export(raw, columns, is_labelled, unknown, unclear)


def columns_of(raw: RawTable) -> dict[str, int]:
    """Return the numbers of a table's columns by their names."""
    return {name: number for number, name in enumerate(raw.header)}


def _find_separator(text: str) -> str:
    line = text.partition("\n")[0]
    found = find_separator(text)
    return _CARET if line.count(_CARET) > line.count(found) else found


def _plain(label: str) -> str:
    """Return a label as REDCap writes it into a heading: without markup, in one line."""
    return " ".join(_MARKUP.sub("", label).split()).casefold()


def _name_columns(
    header: list[str], known: Columns | None
) -> tuple[list[str | None], bool, tuple[str, ...]]:
    """Return REDCap's name of each heading, whether the headings are labels, and the unclear."""
    own = {_plain(label): name for name, label in OWN_COLUMNS.items()}
    if known is None:
        return [own.get(_plain(name), name) for name in header], False, ()
    if sum(name in known.headings for name in header) * _ONE_IN >= len(header):
        return list(header), False, ()
    by_label: dict[str, list[str]] = {}
    for name, label in known.headings.items():
        by_label.setdefault(_plain(label), []).append(name)
    plain = [_plain(name) for name in header]
    names: list[str | None] = []
    for place, label in enumerate(plain):
        candidates = by_label.get(label, [])
        is_clear = len(candidates) == plain.count(label)
        names.append(candidates[plain[:place].count(label)] if is_clear else None)
    if not any(names):
        return list(header), False, ()
    for place, label in enumerate(plain):
        if names[place] is None and label in by_label:
            names[place] = _name_by_neighbour(place, by_label[label], names, known)
    unclear = [
        heading
        for heading, label, name in zip(header, plain, names, strict=True)
        if name is None and label in by_label
    ]
    return names, True, tuple(dict.fromkeys(unclear))


def _name_by_neighbour(
    place: int, candidates: list[str], names: list[str | None], known: Columns
) -> str | None:
    """Tell fields of one label apart by the form they stand in: that of the column beside.

    The time of a survey stands before the fields of its form, the rest after the first of them.
    """
    is_stamp = all(name.endswith(TIMESTAMP) for name in candidates)
    beside = names[place + 1 :] if is_stamp else names[:place][::-1]
    owner = next((known.fields[name] for name in beside if name and name in known.fields), None)
    here = [
        name
        for name in candidates
        if owner is not None and known.fields[name].form == owner.form and name not in names
    ]
    return here[0] if len(here) == 1 else None


def _with_header(
    text: str, lines: int, header: list[str], names: list[str | None], separator: str
) -> bytes:
    """Return the file with headings that stand once: a second one bears its field's name."""
    once = [
        f"{heading} [{name or number + 1}]" if header.count(heading) > 1 else heading
        for number, (heading, name) in enumerate(zip(header, names, strict=True))
    ]
    line = io.StringIO()
    plain = [" ".join(heading.split()) for heading in once]
    csv.writer(line, delimiter=separator, lineterminator="\n").writerow(plain)
    rest = text.split("\n", lines)[lines] if text.count("\n") >= lines else ""
    return (line.getvalue() + rest).encode()


def _check_dictionary(raw: RawTable, columns: Mapping[str, int], known: Columns) -> tuple[str, ...]:
    unknown = tuple(
        raw.header[number]
        for number in range(len(raw.header))
        if not any(columns.get(name) == number for name in known.headings)
        and raw.header[number] not in OWN_COLUMNS
    )
    if len(unknown) * _ONE_IN > len(raw.header):
        raise UserError(
            "a data dictionary of the same project as the export",
            Found(
                f"{len(unknown)} of {len(raw.header)} columns are not in it, the first "
                f"'{unknown[0]}'",
                raw.file,
                raw.sheet,
                1,
            ),
            "download the data dictionary of this project, or name it in study.toml: "
            'dictionary = "dictionary.csv"',
        )
    return unknown
