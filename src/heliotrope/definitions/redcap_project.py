"""The REDCap project that this program proposes: its forms, its fields and what each becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from heliotrope.definitions.model import Definition, Frozen

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook

# REDCap's own limit on the length of a field's name.
LONGEST_NAME = 26

Holds = Literal[
    "text", "partial_date", "date", "time", "number", "integer", "yes_no", "words", "drugs",
    "measures", "units",
]  # fmt: skip

TableName = Literal[
    "patient", "assessment", "infusion", "medication", "event", "indication", "adjudication"
]


class ProjectField(Frozen):
    """One field of a form and the column of ours that it becomes.

    ``words``: the vocabularies its choices, or the words of its note, come from.
    """

    column: str
    field: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=LONGEST_NAME)
    label: str
    holds: Holds
    words: tuple[str, ...] = ()
    only: tuple[str, ...] = Field(default=(), description="these of its words or units only")
    is_required: bool = False
    note: str = ""


class ProjectMeasure(Frozen):
    """One measure with a field of its own; its name is the measure's where none is given."""

    measure: str
    field: str | None = Field(default=None, max_length=LONGEST_NAME)
    has_limits: bool = Field(default=False, description="fields for the limits of normal beside it")

    @property
    def name(self) -> str:
        """Return the field that holds the value."""
        return self.field or self.measure

    @property
    def limit_names(self) -> tuple[str, str] | None:
        """Return the fields of the lower and the upper limit of normal, if it has them."""
        return (f"{self.name}_lower", f"{self.name}_upper") if self.has_limits else None

    @model_validator(mode="after")
    def _names_are_short(self) -> ProjectMeasure:
        for name in (self.name, *(self.limit_names or ())):
            if len(name) > LONGEST_NAME:
                raise ValueError(f"{name}: REDCap allows {LONGEST_NAME} characters; give a field")
        return self


class ProjectForm(Frozen):
    """One form (REDCap: instrument) and the table of ours that its entries become.

    A form with ``measures`` holds one value of each: an entry becomes one row a measure.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    table: TableName
    is_repeating: bool = True
    wording: str = Field(min_length=10)
    fields: tuple[ProjectField, ...] = ()
    measures: tuple[ProjectMeasure, ...] = ()

    @property
    def complete(self) -> str:
        """Return the field in which REDCap keeps the state of the form."""
        return f"{self.id}_complete"

    @property
    def names(self) -> list[str]:
        """Return the names of all fields, in order."""
        named = [field.field for field in self.fields]
        for measure in self.measures:
            named += [measure.name, *(measure.limit_names or ())]
        return named

    def field_of(self, column: str) -> str | None:
        """Return the field that becomes a column of ours."""
        return next((item.field for item in self.fields if item.column == column), None)


class RedcapProject(Definition):
    """A whole project: the field that names the child, and the forms."""

    kind: Literal["redcap_project"]
    record_field: str
    record_label: str
    forms: tuple[ProjectForm, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_name_once(self) -> RedcapProject:
        names = [self.record_field, *(name for form in self.forms for name in form.names)]
        names += [form.id for form in self.forms] + [form.complete for form in self.forms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names used twice: {', '.join(twice)}")
        return self


def redcap_project_of(rulebook: Rulebook) -> RedcapProject:
    """Return the project that is proposed; a study's own replaces the shipped one."""
    projects = sorted(rulebook.of_kind(RedcapProject), key=lambda item: item.is_local)
    return projects[-1]


def code_of(word: str) -> str:
    """Return the code that stands for a word in REDCap: letters, digits and underscores.

    >>> code_of("mg/kg/day"), code_of("planned_after_response")
    ('mg_per_kg_per_day', 'planned_after_response')
    """
    return word.replace("/", "_per_").replace("%", "percent")
