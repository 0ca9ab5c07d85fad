"""Give the entries of the proposed project's forms to the events of a longitudinal project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.redcap_project import ProjectForm, RedcapProject

EVENT = "redcap_event_name"
INSTRUMENT, INSTANCE = "redcap_repeat_instrument", "redcap_repeat_instance"


@dataclass(frozen=True)
class Event:
    """An event of the project: its unique name, its label, whether it repeats as a whole."""

    name: str
    label: str
    is_repeating: bool = False


ENROLMENT = Event("enrolment_arm_1", "Enrolment")
VISIT = Event("visit_arm_1", "Visit", is_repeating=True)
FIRST = Event("first_infusion_arm_1", "First infusion")
COURSE = Event("course_arm_1", "Course")
EVENTS = (ENROLMENT, VISIT, FIRST, COURSE)

_VISIT_KEY = ["patient_id", "_day", "_nth"]


def events_of(form: ProjectForm) -> tuple[Event, ...]:
    """Return the events that a form is given to."""
    if not form.is_repeating:
        return (ENROLMENT,)
    if form.measures:
        return (VISIT,)
    return (FIRST, COURSE) if form.table == "infusion" else (COURSE,)


def list_repeats(project: RedcapProject) -> list[tuple[str, str]]:
    """Return what repeats: event and form; of an event that repeats as a whole no form."""
    forms = [form for form in project.forms if form.is_repeating and not form.measures]
    whole = [(event.name, "") for event in EVENTS if event.is_repeating]
    return [*whole, *((COURSE.name, form.id) for form in forms)]


def place_entries(
    project: RedcapProject, entries: Mapping[str, pl.DataFrame]
) -> list[pl.DataFrame]:
    """Return the rows of the export, one frame a form and one for all visits.

    entries: by form, ``patient_id``, ``_day`` (of a form with measures) and the form's fields.
    Rule: what is there once a child stands in the row of its enrolment; visit and laboratory of
    one day share an instance of the event that repeats; the first infusion has an event where its
    form does not repeat, the further ones an event where it does, as all other forms have.
    """
    visits = {form.id: entries[form.id] for form in project.forms
              if form.measures and form.id in entries}  # fmt: skip
    placed = []
    for form in project.forms:
        if form.id not in entries or form.id in visits:
            continue
        rows = entries[form.id]
        nth = pl.int_range(pl.len()).over("patient_id")
        if not form.is_repeating:
            placed.append(_at(rows, pl.lit(ENROLMENT.name)))
            continue
        is_first = (nth == 0) if FIRST in events_of(form) else pl.lit(False)
        offset = 0 if FIRST in events_of(form) else 1
        placed.append(
            _at(
                rows,
                pl.when(is_first).then(pl.lit(FIRST.name)).otherwise(pl.lit(COURSE.name)),
                pl.when(~is_first).then(pl.lit(form.id)),
                pl.when(~is_first).then(nth + offset),
            )
        )
    return [*placed, *_share_visits(visits)]


def _at(
    rows: pl.DataFrame,
    event: pl.Expr,
    instrument: pl.Expr | None = None,
    instance: pl.Expr | None = None,
) -> pl.DataFrame:
    nothing = pl.lit(None, pl.String)
    return rows.with_columns(
        event.alias(EVENT),
        (nothing if instrument is None else instrument).alias(INSTRUMENT),
        (nothing if instance is None else instance.cast(pl.String)).alias(INSTANCE),
    )


def _share_visits(visits: Mapping[str, pl.DataFrame]) -> list[pl.DataFrame]:
    """Put the forms of one child and day into one instance, a second entry into another."""
    if not visits:
        return []
    numbered = [
        rows.with_columns(_nth=pl.int_range(pl.len()).over("patient_id", "_day"))
        for rows in visits.values()
    ]
    together = numbered[0]
    for rows in numbered[1:]:
        together = together.join(
            rows, on=_VISIT_KEY, how="full", coalesce=True, maintain_order="left_right"
        )
    instance = pl.int_range(pl.len()).over("patient_id") + 1
    ordered = together.sort(_VISIT_KEY, maintain_order=True).drop("_nth")
    return [_at(ordered, pl.lit(VISIT.name), None, instance)]
