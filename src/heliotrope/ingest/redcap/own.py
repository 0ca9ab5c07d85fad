"""Read a project made from the dictionary that this program proposes: no mapping is needed."""

from __future__ import annotations

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.redcap_dictionary import list_choices
from heliotrope.definitions.redcap_project import (
    ProjectForm,
    redcap_project_of,
)
from heliotrope.ingest.declared import RedcapTable
from heliotrope.ingest.mapping import MeasureColumn
from heliotrope.ingest.redcap.decode import find_columns
from heliotrope.ingest.redcap.project import Project, count_filled

_SITE = "site"
_GROUP = "redcap_data_access_group"
_NO_UNIT = "none"


def list_own_tables(project: Project, rulebook: Rulebook) -> tuple[RedcapTable, ...]:
    """Return how each of our own forms in the project becomes rows; none if it has none.

    Rule: a form is ours if it bears our form's name and has the fields it cannot do without; its
    name alone, or a field of our name on a form of another name, is nothing. A field may have
    been made one of boxes, and forms may be given to events. Fields that were
    not exported are left out. A child without a field for the centre has its data access group.
    """
    proposed = redcap_project_of(rulebook)
    if project.record_field != proposed.record_field:
        return ()
    forms = [form for form in proposed.forms if _is_ours(project, form)]
    tables = [_read_form(project, form, rulebook) for form in forms]
    return tuple(table for table in tables if table.measures or table.fields)


def _is_ours(project: Project, form: ProjectForm) -> bool:
    if form.id not in project.forms:
        return False
    needed = [item.field for item in form.fields if item.is_required]
    has_any = any(find_columns(project, name) for name in form.names)
    return has_any and all(find_columns(project, name) for name in needed)


def _read_form(project: Project, form: ProjectForm, rulebook: Rulebook) -> RedcapTable:
    fields, codes = {}, {}
    for item in form.fields:
        if not find_columns(project, item.field):
            continue
        fields[item.column] = item.field
        choices = list_choices(item, rulebook)
        if choices:
            codes[item.column] = {code: word for word, code, _ in choices}
            codes[item.column] |= {label: word for word, _, label in choices}
    if form.table == "patient" and _GROUP in project.columns:
        own = fields.get(_SITE)
        if own is None or not count_filled(project, own):
            fields[_SITE] = _GROUP
    return RedcapTable(
        table=form.table,
        fields=fields,
        codes=codes,
        instrument=form.id,
        measures=tuple(_list_measures(project, form, rulebook)),
    )


def _list_measures(project: Project, form: ProjectForm, rulebook: Rulebook) -> list[MeasureColumn]:
    known = measures_of(rulebook)
    found = []
    for item in form.measures:
        if item.name not in project.columns:
            continue
        measure = known[item.measure]
        lower, upper = (
            name if name in project.columns else None for name in item.limit_names or (None, None)
        )
        found.append(
            MeasureColumn(
                column=item.name,
                measure=measure.id,
                unit=None if measure.unit == _NO_UNIT else measure.unit,
                lower_limit_column=lower,
                upper_limit_column=upper,
            )
        )
    return found
