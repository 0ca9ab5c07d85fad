"""Write a cohort as the export of the REDCap project that this program proposes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.redcap_dictionary import (
    list_choices,
    make_redcap_dictionary,
    write_redcap_dictionary,
    write_repeating_forms,
)
from heliotrope.definitions.redcap_project import (
    ProjectForm,
    ProjectMeasure,
    RedcapProject,
    redcap_project_of,
)

_COMPLETE = "2"
_YES_NO = {"yes": "1", "no": "0"}
_INSTRUMENT, _INSTANCE = "redcap_repeat_instrument", "redcap_repeat_instance"
_ENTRY = ["patient_id", "date", "assessor"]
_NO_UNIT = "none"


def write_redcap(tables: Mapping[str, pl.DataFrame], folder: Path) -> list[Path]:
    """Write canonical tables as data.csv (raw values), dictionary.csv and the repeating forms.

    One row a child for the form that does not repeat, one row an entry for those that do. Values
    of one child, day and assessor stand in one entry of a visit; what has no field there (another
    unit, a second value of the day) stands in a further entry or in the form of other measures.
    """
    rulebook = read_rulebook()
    project = redcap_project_of(rulebook)
    forms = [
        _fill(place, form, project, rows, rulebook)
        for place, form in enumerate(project.forms)
        if (rows := _rows_of(form, project, tables, rulebook)) is not None
    ]
    names = [project.record_field, _INSTRUMENT, _INSTANCE]
    for form in project.forms:
        names += [*form.names, form.complete]
    data = pl.concat(forms, how="diagonal").sort(
        project.record_field, "_place", "_order", maintain_order=True
    )
    absent = [pl.lit(None, pl.String).alias(name) for name in names if name not in data.columns]
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        "data.csv": data.with_columns(absent).select(names).write_csv(),
        "dictionary.csv": write_redcap_dictionary(rulebook),
        "repeating_instruments.csv": write_repeating_forms(rulebook),
    }
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in written]


def _rows_of(
    form: ProjectForm,
    project: RedcapProject,
    tables: Mapping[str, pl.DataFrame],
    rulebook: Rulebook,
) -> pl.DataFrame | None:
    """Return the rows of our table that stand in a form, one row an entry, as text."""
    rows = tables.get(form.table)
    if rows is None or rows.is_empty():
        return None
    rows = rows.with_columns(pl.all().cast(pl.String))
    if form.table != "assessment":
        return rows
    rows = rows.filter(pl.col("value").is_not_null() | pl.col("text").is_not_null())
    if form.measures:
        return _lay_out_visits(rows.filter(_has_field(form, rulebook)), form, rulebook)
    others = [item for item in project.forms if item.measures]
    has_place = pl.any_horizontal([_has_field(item, rulebook) for item in others])
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


def _fill(
    place: int, form: ProjectForm, project: RedcapProject, rows: pl.DataFrame, rulebook: Rulebook
) -> pl.DataFrame:
    """Give the entries of a form their fields, codes and instances."""
    record = pl.col("patient_id")
    instance = (pl.int_range(pl.len()).over("patient_id") + 1).cast(pl.String)
    repeats = form.is_repeating
    return rows.select(
        record.alias(project.record_field),
        pl.lit(form.id if repeats else None, pl.String).alias(_INSTRUMENT),
        (instance if repeats else pl.lit(None, pl.String)).alias(_INSTANCE),
        *_columns(form, rows, rulebook),
        pl.lit(_COMPLETE).alias(form.complete),
        pl.lit(place).alias("_place"),
        pl.int_range(pl.len()).alias("_order"),
    )


def _columns(form: ProjectForm, rows: pl.DataFrame, rulebook: Rulebook) -> Iterator[pl.Expr]:
    for item in form.fields:
        if item.column not in rows.columns:
            continue
        column = pl.col(item.column)
        choices = {word: code for word, code, _ in list_choices(item, rulebook)}
        if item.holds == "yes_no":
            choices = _YES_NO
        yield (column.replace(choices) if choices else column).alias(item.field)
    coded = {row.name: row for row in make_redcap_dictionary(rulebook) if row.choices}
    for measure in form.measures:
        for name in (measure.name, *(measure.limit_names or ())):
            if name not in rows.columns:
                continue
            codes = {word: code for word, code, _ in coded[name].choices} if name in coded else {}
            yield pl.col(name).replace(codes) if codes else pl.col(name)
