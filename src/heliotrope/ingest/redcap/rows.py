"""The rows of an export: whose they are, of which event, form and instance; each once."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.problems import make_problems
from heliotrope.ingest.redcap.project import Project, is_filled

RECORD_ID, EVENT, FORM, INSTANCE = "_record_id", "_event", "_form", "_instance"
KEY = [RECORD_ID, EVENT, FORM, INSTANCE]
SYSTEM = {
    EVENT: "redcap_event_name",
    FORM: "redcap_repeat_instrument",
    INSTANCE: "redcap_repeat_instance",
}


@dataclass(frozen=True)
class Rows:
    """The rows that can be read, with their key in front of the cells.

    cells: record, record id, event (unique name), form (of a repeating one, else null), instance,
    then the columns by number. copied: rows left out with the rule. problems: rows that differ
    from an earlier one of the same key; events that the project does not have.
    """

    cells: pl.DataFrame
    copied: pl.DataFrame
    problems: pl.DataFrame


def find_rows(project: Project) -> Rows:
    """Read the key of every row and part the rows that stand twice.

    Rule: of several rows with one record, event, form and instance the first is used. One that
    says the same is left out as a copy, one that differs is quarantined: which of the two is
    right the file does not say. Cut rows are no rows.
    """
    raw = project.raw
    cells = raw.numbered()
    if raw.refused.height:
        cells = cells.join(raw.refused.select("record"), on="record", how="anti")
    keyed = cells.with_columns(
        _key(project, project.record_field, RECORD_ID),
        *(_key(project, column, name) for name, column in SYSTEM.items()),
    )
    keyed = _translate(project, keyed)
    nameless = keyed.filter(pl.col(RECORD_ID).is_null())
    is_blank = pl.any_horizontal(
        is_filled(pl.col(name), project.missing) for name in raw.cells.columns
    ).not_()
    blank = nameless.filter(is_blank).select("record", rule=pl.lit("blank_row"))
    keys = keyed.select("record", RECORD_ID, is_first=pl.struct(KEY).is_first_distinct())
    again = keys.filter(~pl.col("is_first") & pl.col(RECORD_ID).is_not_null())["record"]
    copied, problems = blank, [make_problems(keyed.clear(), "redcap_row_twice")]
    gone = pl.concat([blank["record"], again])
    kept = keyed.filter(~pl.col("record").is_in(gone.implode())) if len(gone) else keyed
    if len(again):
        copies, differing = _part_repeated(keyed, again, raw.cells.columns)
        copied = pl.concat([blank, copies.select("record", rule=pl.lit("redcap_row_copied"))])
        column = project.columns[project.record_field]
        problems.append(
            make_problems(differing, "redcap_row_twice", column=column, found=_say_key())
        )
    problems.append(_find_unknown_events(project, kept))
    return Rows(kept, copied, pl.concat(problems))


def _part_repeated(
    keyed: pl.DataFrame, again: pl.Series, columns: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the rows that stand twice into those that say what the first says, and the others."""
    is_again = pl.col("record").is_in(again.implode())
    repeated, first = keyed.filter(is_again), keyed.filter(~is_again).select([*KEY, *columns])
    same = [*KEY, *columns]
    return (
        repeated.join(first, on=same, how="semi", nulls_equal=True),
        repeated.join(first, on=same, how="anti", nulls_equal=True),
    )


def _key(project: Project, column: str, name: str) -> pl.Expr:
    number = project.columns.get(column)
    if number is None:
        return pl.lit(None, pl.String).alias(name)
    cell = pl.col(str(number))
    return pl.when(is_filled(cell, project.missing)).then(cell.str.strip_chars()).alias(name)


def _translate(project: Project, keyed: pl.DataFrame) -> pl.DataFrame:
    """Turn labels of events and forms into their names; what is unknown stays as it is."""
    for name, find in ((EVENT, project.find_event), (FORM, project.find_form)):
        texts = keyed[name].drop_nulls().unique().to_list()
        table = {text: find(text) or text for text in texts}
        keyed = keyed.with_columns(pl.col(name).replace(table))
    return keyed


def _say_key() -> pl.Expr:
    return pl.concat_str(
        pl.lit("event "),
        pl.col(EVENT).fill_null("-"),
        pl.lit(", form "),
        pl.col(FORM).fill_null("-"),
        pl.lit(", instance "),
        pl.col(INSTANCE).fill_null("-"),
    )


def _find_unknown_events(project: Project, rows: pl.DataFrame) -> pl.DataFrame:
    if not project.events or SYSTEM[EVENT] not in project.columns:
        return make_problems(rows.clear(), "redcap_unknown_event")
    unknown = rows.filter(~pl.col(EVENT).is_in(list(project.events)))
    return make_problems(
        unknown,
        "redcap_unknown_event",
        column=project.columns[SYSTEM[EVENT]],
        found=pl.col(EVENT),
    )
