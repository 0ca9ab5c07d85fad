"""Write a cohort as the export of a longitudinal REDCap project with the forms proposed here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.redcap_dictionary import (
    DictionaryRow,
    make_redcap_dictionary,
    write_dictionary_rows,
)
from heliotrope.definitions.redcap_project import RedcapProject, redcap_project_of
from heliotrope.simulate.forms.redcap_entries import (
    BETWEEN,
    MISSING_CODES,
    Plan,
    fill_form,
    list_boxes,
    rows_of,
)
from heliotrope.simulate.forms.redcap_events import (
    EVENT,
    EVENTS,
    INSTANCE,
    INSTRUMENT,
    events_of,
    list_repeats,
    place_entries,
)
from heliotrope.simulate.forms.redcap_labels import label_export

LABELS = "labels"
GROUP, IDENTIFIER = "redcap_data_access_group", "redcap_survey_identifier"
_BOXED = "premedication"


def write_redcap(tables: Mapping[str, pl.DataFrame], folder: Path) -> list[Path]:
    """Write canonical tables as an export of codes, its settings, and once more with labels.

    Rule: one arm of four events. Child and what is said once stand in the enrolment; visit and
    laboratory of one day share an instance of an event that repeats; the first infusion stands in
    an event of its own, the others are a form that repeats. Values of one child, day and assessor
    stand in one entry; what has no field there (another unit, a second value of the day) stands in
    a further entry or in the form of other measures. The centre is the data access group,
    premedication a field of boxes, what is not recorded a missing-data code of the project.
    The export of labels stands in a folder of its own: it is the same project once more.
    """
    rulebook = read_rulebook()
    project = redcap_project_of(rulebook)
    dictionary = tuple(_box(make_redcap_dictionary(rulebook), project, tables))
    plan = Plan(project, rulebook, dictionary, _find_groups(tables.get("patient")))
    data = _lay_out(tables, plan)
    headings, labelled = label_export(data, plan.dictionary, project, MISSING_CODES)
    about = {"dictionary.csv": write_dictionary_rows(plan.dictionary), **_describe(plan)}
    written = {
        "data.csv": data.write_csv(),
        **about,
        f"{LABELS}/data.csv": _write_line(headings) + labelled.write_csv(include_header=False),
        **{f"{LABELS}/{name}": text for name, text in about.items()},
    }
    (folder / LABELS).mkdir(parents=True, exist_ok=True)
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in written]


def _box(
    dictionary: list[DictionaryRow], project: RedcapProject, tables: Mapping[str, pl.DataFrame]
) -> Iterator[DictionaryRow]:
    """Make the premedication a field of boxes, if what was given can be ticked in one order."""
    form = next(form for form in project.forms if form.table == "infusion")
    rows = tables.get(form.table)
    texts = [] if rows is None else rows[_BOXED].cast(pl.String).drop_nulls().unique().to_list()
    drugs = sorted({drug for text in texts for drug in text.split(BETWEEN)})
    lists = [text.split(BETWEEN) for text in texts]
    drugs.sort(key=lambda drug: max(found.index(drug) for found in lists if drug in found))
    places = {drug: place for place, drug in enumerate(drugs)}
    is_ordered = all(found == sorted(set(found), key=places.__getitem__) for found in lists)
    is_plain = all(drug and drug == drug.strip() and "|" not in drug for drug in drugs)
    choices = tuple((drug, str(code), drug) for code, drug in enumerate(drugs, start=1))
    for row in dictionary:
        if row.name == form.field_of(_BOXED) and drugs and is_ordered and is_plain:
            yield replace(row, type="checkbox", choices=choices, note="")
        else:
            yield row


def _describe(plan: Plan) -> dict[str, str]:
    """Return what a project says of itself beside its dictionary, as the interface exports it."""
    forms = plan.project.forms
    codes = " | ".join(f"{code}, {label}" for code, label in MISSING_CODES.items())
    tables: dict[str, list[list[str]]] = {
        "event.csv": [
            ["event_name", "arm_num", "unique_event_name"],
            *([event.label, "1", event.name] for event in EVENTS),
        ],
        "arms.csv": [["arm_num", "name"], ["1", "Children"]],
        "event_forms.csv": [
            ["arm_num", "unique_event_name", "form"],
            *(["1", event.name, form.id] for form in forms for event in events_of(form)),
        ],
        "repeating_instruments.csv": [
            ["event_name", "form_name", "custom_form_label"],
            *([event, form, ""] for event, form in list_repeats(plan.project)),
        ],
        "instruments.csv": [
            ["instrument_name", "instrument_label"],
            *([form.id, form.title] for form in forms),
        ],
        "project_info.csv": [
            ["project_id", "project_title", "is_longitudinal", "missing_data_codes"],
            ["1", plan.project.title, "1", codes],
        ],
    }
    return {name: "".join(map(_write_line, rows)) for name, rows in tables.items()}


def _write_line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _lay_out(tables: Mapping[str, pl.DataFrame], plan: Plan) -> pl.DataFrame:
    project = plan.project
    entries = {
        form.id: fill_form(form, rows, plan)
        for form in project.forms
        if (rows := rows_of(form, plan, tables)) is not None
    }
    places = [
        rows.with_columns(_place=pl.lit(place), _order=pl.int_range(pl.len()))
        for place, rows in enumerate(place_entries(project, entries))
    ]
    names = list(_list_names(plan))
    data = pl.concat([pl.DataFrame(schema={"patient_id": pl.String}), *places], how="diagonal")
    if plan.groups is not None:
        data = data.join(plan.groups, on="patient_id", how="left", maintain_order="left")
    if places:
        data = data.sort("patient_id", "_place", "_order", maintain_order=True)
    absent = [pl.lit(None, pl.String).alias(name) for name in names if name not in data.columns]
    return data.with_columns(absent).select(names).rename({"patient_id": project.record_field})


def _find_groups(children: pl.DataFrame | None) -> pl.DataFrame | None:
    """Return the centres as data access groups, if all are written as REDCap writes these."""
    if children is None or children.is_empty():
        return None
    groups = children.select("patient_id", pl.col("site").cast(pl.String).alias(GROUP))
    are_groups = groups[GROUP].str.contains(r"^[a-z0-9_]+$").fill_null(False).all()
    return groups.unique("patient_id", maintain_order=True) if are_groups else None


def _list_names(plan: Plan) -> Iterator[str]:
    """Give the columns in the order of an export."""
    yield from ("patient_id", EVENT, INSTRUMENT, INSTANCE, GROUP, IDENTIFIER)
    for form in plan.project.forms:
        if form is plan.survey:
            yield f"{form.id}_timestamp"
        for name in form.names:
            if name in plan.boxed:
                yield from (column for column, _ in list_boxes(plan.boxed[name]))
            else:
                yield name
        yield form.complete
