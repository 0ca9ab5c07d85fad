"""The data dictionary of the proposed REDCap project, ready to be uploaded there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.definitions.redcap_project import (
    ProjectField,
    ProjectForm,
    ProjectMeasure,
    code_of,
    redcap_project_of,
)
from heliotrope.definitions.vocabulary import vocabularies_of

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook

# The 18 headings of REDCap's Data Dictionary, in the order in which it wants them.
HEADINGS = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)

_VALIDATION = {"date": "date_ymd", "time": "time", "number": "number", "integer": "integer"}
_CHOSEN = ("words", "drugs", "measures", "units")


@dataclass(frozen=True)
class DictionaryRow:
    """One field of the data dictionary. ``choices``: the word of ours, its code, its label."""

    name: str
    form: str
    label: str
    type: str = "text"
    choices: tuple[tuple[str, str, str], ...] = ()
    note: str = ""
    validation: str = ""
    minimum: str = ""
    maximum: str = ""
    is_required: bool = False

    def cells(self) -> list[str]:
        """Return the 18 cells of the row."""
        chosen = " | ".join(f"{code}, {label}" for _, code, label in self.choices)
        required = "y" if self.is_required else ""
        filled = [self.name, self.form, "", self.type, self.label, chosen, self.note]
        filled += [self.validation, self.minimum, self.maximum, "", "", required]
        return filled + [""] * (len(HEADINGS) - len(filled))


def make_redcap_dictionary(rulebook: Rulebook) -> list[DictionaryRow]:
    """List every field of the proposed project; words, drugs and measures are the rulebook's.

    A measure that says nothing of a range has a field without one. Errors: a measure that the
    rulebook does not have: KeyError.
    """
    project = redcap_project_of(rulebook)
    measures = measures_of(rulebook)
    first = DictionaryRow(project.record_field, project.forms[0].id, project.record_label)
    rows = [replace(first, is_required=True)]
    for form in project.forms:
        rows += [_describe(field, form, rulebook) for field in form.fields]
        for item in form.measures:
            rows += _describe_measure(item, form, measures[item.measure], rulebook)
    return rows


def write_redcap_dictionary(rulebook: Rulebook) -> str:
    """Return the data dictionary as the text of a CSV file."""
    return write_dictionary_rows(make_redcap_dictionary(rulebook))


def write_dictionary_rows(rows: Iterable[DictionaryRow]) -> str:
    """Return the fields of a data dictionary as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADINGS)
    writer.writerows(row.cells() for row in rows)
    return text.getvalue()


def write_repeating_forms(rulebook: Rulebook) -> str:
    """Return which forms repeat, as the CSV that REDCap's interface imports."""
    forms = [form.id for form in redcap_project_of(rulebook).forms if form.is_repeating]
    return "\n".join(["form_name,custom_form_label", *(f"{name}," for name in forms)]) + "\n"


def list_choices(field: ProjectField, rulebook: Rulebook) -> tuple[tuple[str, str, str], ...]:
    """Return the choices of a field: our word, its code in REDCap, its label."""
    if field.holds not in _CHOSEN:
        return ()
    words: list[tuple[str, str]]
    if field.holds == "drugs":
        words = [(drug.id, drug.title) for drug in drugs_of(rulebook).values()]
    elif field.holds == "measures":
        words = [(item.id, item.title) for item in measures_of(rulebook).values()]
    elif field.holds == "units":
        words = [(unit, unit) for unit in field.only]
    else:
        words = [(word, _say(word)) for word in _list_words(field, rulebook)]
    return tuple((word, code_of(word), label.replace("|", "/")) for word, label in words)


def _list_words(field: ProjectField, rulebook: Rulebook) -> Iterator[str]:
    known = vocabularies_of(rulebook)
    for name in field.words:
        yield from (w.id for w in known[name].words if not field.only or w.id in field.only)


def _say(word: str) -> str:
    return word.replace("_", " ")


def _describe(field: ProjectField, form: ProjectForm, rulebook: Rulebook) -> DictionaryRow:
    choices = list_choices(field, rulebook)
    kind = "dropdown" if choices else "yesno" if field.holds == "yes_no" else "text"
    note = field.note
    if field.words and not choices:
        note = f"known words: {', '.join(map(_say, dict.fromkeys(_list_words(field, rulebook))))}"
    return DictionaryRow(
        name=field.field,
        form=form.id,
        label=field.label,
        type=kind,
        choices=choices,
        note=note,
        validation=_VALIDATION.get(field.holds, ""),
        is_required=field.is_required,
    )


def _describe_measure(
    item: ProjectMeasure, form: ProjectForm, measure: Measure, rulebook: Rulebook
) -> list[DictionaryRow]:
    """Describe the field of a measure: a score within its range, a laboratory value as written."""
    unit = "" if measure.unit == "none" else f" ({measure.unit})"
    row = DictionaryRow(item.name, form.id, f"{measure.title}{unit}")
    if measure.is_judgement:
        own = ProjectField(
            column="text", field=item.name, label=row.label, holds="words", words=("judgement",)
        )
        return [replace(row, type="radio", choices=list_choices(own, rulebook))]
    if item.limit_names is None:
        ends = ["" if end is None else f"{end:g}" for end in (measure.minimum, measure.maximum)]
        return [replace(row, validation="number", minimum=ends[0], maximum=ends[1])]
    lower, upper = item.limit_names
    return [
        replace(row, note="a number; <5 under the limit of the assay"),
        replace(row, name=lower, label=f"{row.label}, lower limit of normal", validation="number"),
        replace(row, name=upper, label=f"{row.label}, upper limit of normal", validation="number"),
    ]
