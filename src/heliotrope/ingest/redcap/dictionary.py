"""The data dictionary of a REDCap project: which field stands on which form, with which choices."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from heliotrope.errors import Found, UserError

# The downloaded Data Dictionary and the interface name the same columns differently.
_COLUMNS = {
    "name": ("Variable / Field Name", "field_name"),
    "form": ("Form Name", "form_name"),
    "type": ("Field Type", "field_type"),
    "label": ("Field Label", "field_label"),
    "choices": ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations"),
    "validation": (
        "Text Validation Type OR Show Slider Number",
        "text_validation_type_or_show_slider_number",
    ),
}

_CHOSEN = frozenset({"radio", "dropdown", "checkbox"})
_FIXED = {
    "yesno": {"1": "Yes", "0": "No"},
    "truefalse": {"1": "True", "0": "False"},
}
COMPLETE_STATES = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
COMPLETE = "_complete"
TIMESTAMP = "_timestamp"
CHECKED = {"1": "Checked", "0": "Unchecked"}

# Fields that hold nothing that is exported.
NOT_EXPORTED = frozenset({"descriptive"})
# REDCap's own columns in an export, with their headings in an export of labels.
OWN_COLUMNS = {
    "redcap_event_name": "Event Name",
    "redcap_repeat_instrument": "Repeat Instrument",
    "redcap_repeat_instance": "Repeat Instance",
    "redcap_data_access_group": "Data Access Group",
    "redcap_survey_identifier": "Survey Identifier",
}


@dataclass(frozen=True)
class RedcapField:
    """One field: its form, type, label, choices by code, and how REDCap validates it."""

    name: str
    form: str
    type: str = "text"
    label: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    validation: str = ""

    @property
    def is_checkbox(self) -> bool:
        """Say whether each choice has a column of its own."""
        return self.type == "checkbox"

    @property
    def has_decimal_comma(self) -> bool:
        """Say whether its numbers are written with a comma."""
        return "comma_decimal" in self.validation

    def columns(self) -> Iterator[tuple[str, str, str]]:
        """Give each exported column: its name, its heading among labels, the choice it stands for.

        >>> ck = RedcapField("sign", "visit", "checkbox", "Signs", {"-1": "rash"})
        >>> list(ck.columns())
        [('sign____1', 'Signs (choice=rash)', '-1')]
        """
        if not self.is_checkbox:
            yield self.name, self.label, ""
            return
        yield from self.boxes_of(self.choices)

    def boxes_of(self, choices: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """Give the column of each of some choices, if the field is one of boxes."""
        for code, label in choices.items() if self.is_checkbox else ():
            plain = code.lower().replace("-", "_").replace(".", "_")
            yield f"{self.name}___{plain}", f"{self.label} (choice={label})", code


@dataclass(frozen=True)
class Columns:
    """Every column an export of the project may have: its field, and its heading among labels.

    optional: columns that an export may lack without lacking a field.
    """

    headings: Mapping[str, str]
    fields: Mapping[str, RedcapField]
    optional: frozenset[str] = frozenset()


def read_dictionary(text: str, file: str) -> tuple[RedcapField, ...]:
    """Read a data dictionary with either set of headings.

    Errors: no such headings, a row without a field or form, a field twice: UserError.
    """
    separator = max(",;\t|", key=text.partition("\n")[0].count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    header = [name.strip().strip("\ufeff") for name in rows[0]] if rows else []
    places = {
        key: next((header.index(name) for name in names if name in header), None)
        for key, names in _COLUMNS.items()
    }
    if places["name"] is None or places["form"] is None:
        raise UserError(
            "a REDCap data dictionary, with the heading 'Variable / Field Name' or 'field_name'",
            Found(f"headings {', '.join(header[:6])}", file, row=1),
            "download it in REDCap: Project Setup, Data Dictionary",
        )
    fields = []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        cells = {
            key: row[place].strip() if place is not None and place < len(row) else ""
            for key, place in places.items()
        }
        if not cells["name"] or not cells["form"] or len(row) < len(header) - 1:
            raise UserError(
                "a field and its form in every row of the data dictionary",
                Found(f"a row of {len(row)} cells: {', '.join(row)[:60]}", file, row=number),
                "the file may have been cut off here: download it again",
            )
        fields.append(_make_field({key: "" if v == "NA" else v for key, v in cells.items()}))
    check_fields(fields, file)
    return tuple(fields)


def check_fields(fields: Sequence[RedcapField], file: str) -> None:
    """Stop if there is no field, or one twice."""
    names = [item.name for item in fields]
    twice = next((name for n, name in enumerate(names) if name in names[:n]), None)
    if not names or twice is not None:
        raise UserError(
            "each field of the project once",
            Found("no field" if twice is None else f"'{twice}' twice", file),
            "download the data dictionary again",
        )


def _make_field(cells: Mapping[str, str]) -> RedcapField:
    kind = cells["type"].lower() or "text"
    choices = parse_choices(cells["choices"]) if kind in _CHOSEN else _FIXED.get(kind, {})
    return RedcapField(
        cells["name"], cells["form"], kind, cells["label"], choices, cells["validation"]
    )


def parse_missing_codes(text: str) -> dict[str, str]:
    """Read the missing-data codes of a project, one a line or separated by bars.

    >>> parse_missing_codes("NI, No information | -99, Not done")
    {'NI': 'No information', '-99': 'Not done'}
    """
    return parse_choices(text.replace("\r", "").replace("\n", "|"))


def parse_choices(text: str) -> dict[str, str]:
    """Read the choices of a field: code, label | code, label; a label may hold commas.

    >>> parse_choices("1, yes, at once | 0, no")
    {'1': 'yes, at once', '0': 'no'}
    """
    parts = [part.partition(",") for part in text.split("|") if part.strip()]
    return {code.strip(): label.strip() or code.strip() for code, _, label in parts}


def list_columns(
    fields: Sequence[RedcapField], missing_codes: Mapping[str, str] | None = None
) -> Columns:
    """List every column of an export in REDCap's order.

    A field of boxes has one more for each of the project's missing-data codes.
    """
    headings: dict[str, str] = {}
    owners: dict[str, RedcapField] = {}
    by_form: dict[str, list[RedcapField]] = {}
    optional: set[str] = set()
    for item in fields:
        by_form.setdefault(item.form, []).append(item)
    first = fields[0]
    headings[first.name], owners[first.name] = first.label, first
    headings |= OWN_COLUMNS
    for form, members in by_form.items():
        stamp = f"{form}{TIMESTAMP}"
        optional.add(stamp)
        headings[stamp] = "Survey Timestamp"
        owners[stamp] = RedcapField(stamp, form, label="Survey Timestamp")
        for item in members:
            if item.type in NOT_EXPORTED:
                continue
            missing = [*item.boxes_of(missing_codes or {})]
            optional |= {name for name, _, _ in missing}
            for name, heading, _ in (*item.columns(), *missing):
                headings.setdefault(name, heading)
                owners.setdefault(name, item)
        state = f"{form}{COMPLETE}"
        headings[state] = "Complete?"
        owners[state] = RedcapField(state, form, "dropdown", "Complete?", COMPLETE_STATES)
    return Columns(headings, owners, frozenset(optional))
