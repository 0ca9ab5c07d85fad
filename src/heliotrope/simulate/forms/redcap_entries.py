"""Give the entries of the proposed project's forms their fields, codes, boxes and states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.redcap_dictionary import DictionaryRow, list_choices
from heliotrope.definitions.redcap_project import ProjectForm, ProjectMeasure, RedcapProject

BETWEEN = ";"
NOT_ASKED, NOT_DONE = "NASK", "-99"
MISSING_CODES = {NOT_ASKED: "Not asked", NOT_DONE: "Not done"}

_COMPLETE, _UNVERIFIED, _INCOMPLETE = "2", "1", "0"
# Of so many entries one form was not verified, of as many others one was left incomplete.
_ONE_IN = 10
_YES_NO = {"yes": "1", "no": "0"}
_ENTRY = ["patient_id", "date", "assessor"]
_NO_UNIT = "none"
_SENT_AT = " 10:30:00"
_NOT_SENT = "[not completed]"
# Fields that stay blank where nothing is recorded: the group says it, or the end of a dose.
_BLANK = ("site", "ongoing")


@dataclass(frozen=True)
class Plan:
    """The project being written: its forms, and its dictionary with the boxes of this cohort.

    groups: the data access group of each child; None where the centres are no names of groups.
    """

    project: RedcapProject
    rulebook: Rulebook
    dictionary: tuple[DictionaryRow, ...]
    groups: pl.DataFrame | None

    @property
    def boxed(self) -> dict[str, DictionaryRow]:
        """Return the fields of boxes."""
        return {row.name: row for row in self.dictionary if row.type == "checkbox"}

    @property
    def survey(self) -> ProjectForm:
        """Return the form that families fill in as a survey: the first with measures."""
        return next(form for form in self.project.forms if form.measures)


def list_boxes(row: DictionaryRow) -> list[tuple[str, str]]:
    """Return the column of each box of a field and the word that it stands for."""
    boxes = [(f"{row.name}___{code}", word) for word, code, _ in row.choices]
    missing = [(code.lower().replace("-", "_"), code) for code in MISSING_CODES]
    return [*boxes, *((f"{row.name}___{plain}", code) for plain, code in missing)]


def rows_of(
    form: ProjectForm, plan: Plan, tables: Mapping[str, pl.DataFrame]
) -> pl.DataFrame | None:
    """Return the rows of our table that stand in a form, one row an entry, as text."""
    rows = tables.get(form.table)
    if rows is None or rows.is_empty():
        return None
    rows = rows.with_columns(pl.all().cast(pl.String))
    if form.table == "patient" and plan.groups is not None:
        return rows.with_columns(site=pl.lit(None, pl.String))
    if form.table != "assessment":
        return rows
    rows = rows.filter(pl.col("value").is_not_null() | pl.col("text").is_not_null())
    if form.measures:
        return _lay_out_visits(rows.filter(_has_field(form, plan.rulebook)), form, plan.rulebook)
    others = [item for item in plan.project.forms if item.measures]
    has_place = pl.any_horizontal([_has_field(item, plan.rulebook) for item in others])
    return rows.filter(~has_place)


def _has_field(form: ProjectForm, rulebook: Rulebook) -> pl.Expr:
    """Say of each assessment whether the form has fields for all that it says."""
    return pl.any_horizontal(
        [_fits(item, rulebook) for item in form.measures] or [pl.lit(False)]
    ).fill_null(False)


def _fits(item: ProjectMeasure, rulebook: Rulebook) -> pl.Expr:
    measure = measures_of(rulebook)[item.measure]
    is_it = pl.col("measure") == measure.id
    if measure.is_judgement:
        return is_it & pl.col("text").is_not_null()
    has_unit = pl.col("unit").fill_null(_NO_UNIT) == measure.unit
    is_plain = pl.col("text").is_null()
    if item.limit_names is None:
        is_plain &= pl.col("lower_limit").is_null() & pl.col("upper_limit").is_null()
    return is_it & has_unit & is_plain


def _lay_out_visits(rows: pl.DataFrame, form: ProjectForm, rulebook: Rulebook) -> pl.DataFrame:
    """Put the values of one child, day and assessor into one entry; a second value, into another.

    An entry stands where its first value stood.
    """
    judgements = [item.id for item in measures_of(rulebook).values() if item.is_judgement]
    said = pl.when(pl.col("measure").is_in(judgements)).then("text").otherwise("value")
    numbered = rows.with_columns(
        said.alias("said"), pl.int_range(pl.len()).over([*_ENTRY, "measure"]).alias("_again")
    )
    columns = []
    for item in form.measures:
        is_it = pl.col("measure") == item.measure
        columns.append(pl.col("said").filter(is_it).first().alias(item.name))
        for name, limit in zip(
            item.limit_names or (), ("lower_limit", "upper_limit"), strict=False
        ):
            columns.append(pl.col(limit).filter(is_it).first().alias(name))
    return numbered.group_by([*_ENTRY, "_again"], maintain_order=True).agg(columns)


def fill_form(form: ProjectForm, rows: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Give the entries of a form their fields, codes, boxes and state."""
    nth = pl.int_range(pl.len())
    state = (
        pl.when(nth % _ONE_IN == _ONE_IN - 1)
        .then(pl.lit(_UNVERIFIED))
        .when(nth % _ONE_IN == _ONE_IN - 2)
        .then(pl.lit(_INCOMPLETE))
        .otherwise(pl.lit(_COMPLETE))
    )
    columns = [pl.col("date").alias("_day")] if form.measures else []
    if form is plan.survey:
        sent = pl.when(state == _COMPLETE).then(pl.col("date") + _SENT_AT)
        columns.append(sent.fill_null(_NOT_SENT).alias(f"{form.id}_timestamp"))
    return rows.select(
        "patient_id", *columns, *_columns(form, rows, plan), state.alias(form.complete)
    )


def _columns(form: ProjectForm, rows: pl.DataFrame, plan: Plan) -> Iterator[pl.Expr]:
    for item in form.fields:
        if item.column not in rows.columns:
            continue
        if item.field in plan.boxed:
            yield from _tick(pl.col(item.column), plan.boxed[item.field])
            continue
        choices = {word: code for word, code, _ in list_choices(item, plan.rulebook)}
        if item.holds == "yes_no":
            choices = _YES_NO
        column = pl.col(item.column).replace(choices) if choices else pl.col(item.column)
        if item.column not in _BLANK and not item.is_required:
            column = column.fill_null(NOT_ASKED)
        yield column.alias(item.field)
    coded = {row.name: row for row in plan.dictionary if row.choices}
    for measure in form.measures:
        for name in (measure.name, *(measure.limit_names or ())):
            if name not in rows.columns:
                continue
            codes = {word: code for word, code, _ in coded[name].choices} if name in coded else {}
            column = pl.col(name).replace(codes) if codes else pl.col(name)
            yield column.fill_null(NOT_DONE) if measure is form.measures[0] else column


def _tick(column: pl.Expr, row: DictionaryRow) -> Iterator[pl.Expr]:
    """Tick the boxes of what a text lists; where nothing is recorded, that of its missing code."""
    listed = column.fill_null(NOT_ASKED).str.split(BETWEEN)
    for name, word in list_boxes(row):
        ticked = listed.list.contains(pl.lit(word))
        yield pl.when(ticked).then(pl.lit("1")).otherwise(pl.lit("0")).alias(name)
