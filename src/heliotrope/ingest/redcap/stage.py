"""Lay the entries of a form out as rows of a canonical table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.columns import TABLE_COLUMNS, ColumnSpec
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import RedcapTable
from heliotrope.ingest.delivery import Joined
from heliotrope.ingest.mapping import Format, MeasureColumn, say_nearest
from heliotrope.ingest.problems import gather_problems, make_problems
from heliotrope.ingest.redcap.decode import code_measure, decode_field, find_columns
from heliotrope.ingest.redcap.dictionary import COMPLETE, COMPLETE_STATES, TIMESTAMP
from heliotrope.ingest.redcap.project import Project, is_filled
from heliotrope.ingest.redcap.rows import EVENT, FORM, INSTANCE, RECORD_ID, SYSTEM
from heliotrope.ingest.staged import Staged, find_value_column
from heliotrope.ingest.tabular.layout import NEEDED

_COMPLETE = "2"
_COMMA = ","
_OF_ONE_MEASURE = frozenset({"measure", "value", "unit", "lower_limit", "upper_limit", "text"})


@dataclass(frozen=True)
class Entries:
    """What one mapping made: staged rows, rows of others read into them, forms it reads.

    ``left``: rows of its forms and events that make no row, with the rule.
    """

    staged: tuple[Staged, ...]
    joined: tuple[Joined, ...]
    forms: frozenset[str]
    left: pl.DataFrame


def stage_table(
    project: Project, rows: pl.DataFrame, table: RedcapTable, context: ReadContext
) -> Entries:
    """Lay out the entries that one mapping names.

    Rule: a form's entries stand in the rows of that repeating form and, where it does not repeat
    (in this event), in the row of the event itself; so a form may repeat in one event and not in
    another. An entry without any field filled in is none. Of a table that names no field of a
    form (the children alone) the first row of each record counts.
    Errors: a field, form or event that the project does not have, a needed column that is not
    mapped: UserError.
    """
    _check(project, table)
    forms = _forms_of(project, table)
    entries, left = _find_entries(project, rows, table, forms)
    columns, problems, numbers = _read_fields(project, entries, table)
    carried, joined = _carry(project, rows, entries, table)
    numbers |= {name: find_columns(project, field)[0] for name, field in table.carried.items()}
    columns = columns.with_columns(carried).with_columns(
        pl.lit(text, pl.String).alias(name) for name, text in table.constants.items()
    )
    also = [number for name in _named(table) for number in find_columns(project, name)]
    also += [project.columns[name] for name in SYSTEM.values() if name in project.columns]
    if table.only_complete:
        also += [project.columns[name] for name in _states(project, forms)]
    staged = Staged(
        table=table.table,
        raw=project.raw,
        rows=columns,
        numbers=numbers,
        value_column=find_value_column(table.table, numbers),
        format=project.format,
        dates=table.dates,
        also_read=frozenset(also),
        problems=problems,
    )
    if table.table == "patient":
        staged, others = _one_row_a_child(staged)
        joined += others
    parts = (
        tuple(_stage_measures(project, entries, staged, table, context))
        if table.measures
        else (staged,)
    )
    return Entries(parts, tuple(joined), forms, left)


def _named(table: RedcapTable) -> Iterator[str]:
    """Give every field of the entry itself, those carried from elsewhere aside."""
    yield from table.fields.values()
    for item in table.measures:
        yield from (
            name
            for name in (item.column, item.date, item.lower_limit_column, item.upper_limit_column)
            if name
        )


def _check(project: Project, table: RedcapTable) -> None:
    known = list(dict.fromkeys([*project.columns, *project.fields]))
    for name in [*_named(table), *table.carried.values()]:
        if not find_columns(project, name):
            found = f"'{name}'; {say_nearest(name, known)}" if len(known) < 40 else f"'{name}'"
            raise _wrong(project, "a field of this export", found, "correct the name of the field")
    boxed = [item.column for item in table.measures if len(find_columns(project, item.column)) > 1]
    if boxed:
        boxes = ", ".join(project.raw.header[n] for n in find_columns(project, boxed[0]))
        raise _wrong(project, "one column a measure", f"the boxes {boxes}", "name one of them")
    if table.instrument is not None and project.find_form(table.instrument) is None:
        found = f"'{table.instrument}'; forms: {', '.join(list(project.forms)[:12])}"
        raise _wrong(project, "a form of this project", found, "correct `instrument`")
    here = project.events or _events_in(project)
    for event in table.events:
        if event not in here:
            found = f"'{event}'; events: {', '.join(list(here)[:12]) or 'none'}"
            raise _wrong(project, "an event of this project", found, "correct `events`")
    given = {*table.fields, *table.carried, *table.constants, "patient_id"}
    for group in NEEDED[table.table]:
        if table.measures and set(group) & _OF_ONE_MEASURE:
            continue
        is_dated = group == ("date",) and table.measures and all(m.date for m in table.measures)
        if not given & set(group) and not is_dated:
            found = f"only {', '.join(sorted(given))}"
            raise _wrong(
                project,
                f"a field for '{' or '.join(group)}' of the table {table.table}",
                found,
                "add it under [source.tables.fields], or under carried if it stands on another "
                "form of the same event",
            )


def _wrong(project: Project, expected: str, found: str, to_do: str) -> UserError:
    where = Found(found, project.raw.file, project.raw.sheet)
    return UserError(f"{expected}, as study.toml says", where, f"{to_do} in study.toml")


def _events_in(project: Project) -> list[str]:
    number = project.columns.get(SYSTEM[EVENT])
    if number is None:
        return []
    return sorted(set(project.raw.cells[str(number)].drop_nulls().unique().to_list()))


def _forms_of(project: Project, table: RedcapTable) -> frozenset[str]:
    """Return the forms whose entries are read: as declared, else those of the fields."""
    if table.instrument is not None:
        return frozenset([project.find_form(table.instrument) or table.instrument])
    forms = set()
    for name in _named(table):
        field = project.owners.get(name) or project.fields.get(name)
        if field is not None and name != project.record_field:
            forms.add(field.form)
        elif name.endswith(TIMESTAMP):
            forms.add(name.removesuffix(TIMESTAMP))
    return frozenset(forms)


def _states(project: Project, forms: frozenset[str]) -> list[str]:
    names = [f"{form}{COMPLETE}" for form in sorted(forms)]
    return [name for name in names if name in project.columns]


def _find_entries(
    project: Project, rows: pl.DataFrame, table: RedcapTable, forms: frozenset[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that hold an entry, and those of the forms and events that hold none."""
    here = rows
    if project.fields or forms:
        here = rows.filter(pl.col(FORM).is_null() | pl.col(FORM).is_in(sorted(forms)))
    left = []
    for holds, rule in _conditions(project, table, forms):
        left.append(here.filter(~holds).select("record", rule=pl.lit(rule)))
        here = here.filter(holds)
    return here, pl.concat(left)


def _conditions(
    project: Project, table: RedcapTable, forms: frozenset[str]
) -> Iterator[tuple[pl.Expr, str]]:
    """Give what must hold of a row that is an entry, each with the rule that leaves others out."""
    if table.events:
        is_event = pl.col(EVENT).is_in(list(table.events)).fill_null(False)
        yield is_event, "redcap_event_not_used"
    columns = {number for name in _named(table) for number in find_columns(project, name)}
    columns -= {project.columns[project.record_field]}
    columns -= {project.columns[name] for name in SYSTEM.values() if name in project.columns}
    boxes = {n for n in columns if _is_box(project, n)}
    filled = [is_filled(pl.col(str(n)), project.missing) for n in sorted(columns - boxes)]
    filled += [_is_ticked(n) for n in sorted(boxes)]
    is_first = pl.col(RECORD_ID).is_first_distinct()
    yield pl.any_horizontal(filled) if filled else is_first, "redcap_form_blank"
    states = _states(project, forms)
    if table.only_complete and states:
        done = [_COMPLETE, COMPLETE_STATES[_COMPLETE]]
        is_done = [pl.col(str(project.columns[name])).is_in(done) for name in states]
        yield pl.all_horizontal(is_done).fill_null(False), "redcap_form_not_complete"


def _is_box(project: Project, number: int) -> bool:
    owner = project.owners.get(project.raw.header[number])
    names = [name for name, place in project.columns.items() if place == number]
    owner = owner or next((project.owners[n] for n in names if n in project.owners), None)
    return owner is not None and owner.is_checkbox


def _is_ticked(number: int) -> pl.Expr:
    cell = pl.col(str(number)).str.strip_chars().str.to_lowercase()
    return cell.is_in(["", "0", "unchecked"]).fill_null(True).not_()


def _read_fields(
    project: Project, entries: pl.DataFrame, table: RedcapTable
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    """Read the fields of the entries under our names; the child is the record."""
    columns = entries.select("record")
    numbers: dict[str, int] = {}
    problems = []
    fields = {"patient_id": project.record_field, **table.fields}
    for spec in TABLE_COLUMNS[table.table]:
        if spec.name not in fields or spec.name in table.carried:
            continue
        decoded = decode_field(
            project, entries, fields[spec.name], table.codes.get(spec.name, {}), _cost(spec)
        )
        columns = columns.with_columns(decoded.texts["text"].alias(spec.name))
        numbers[spec.name] = decoded.column
        problems.append(decoded.problems)
    return columns, gather_problems(problems), numbers


def _cost(spec: ColumnSpec) -> str:
    return "quarantine_row" if spec.is_required else f"quarantine_{spec.fault}"


def _carry(
    project: Project, rows: pl.DataFrame, entries: pl.DataFrame, table: RedcapTable
) -> tuple[list[pl.Series], list[Joined]]:
    """Bring values of another form to entries, with the rows that they stand in.

    The entry's own row comes first, then that of its event, then the only one of the child. A
    value of another repeating form or event is none of this entry: which of its instances belongs
    here nothing says.
    """
    carried, joined = [], []
    for name, field in table.carried.items():
        decoded = decode_field(project, rows, field, table.codes.get(name, {}), "quarantine_cell")
        keys = [RECORD_ID, EVENT, FORM, INSTANCE]
        there = rows.select(*keys, pl.col("record").alias("of")).hstack(
            decoded.texts.select(text="text")
        )
        there = there.filter(pl.col("text").is_not_null())
        once = there.filter(pl.col(FORM).is_null() & pl.col(INSTANCE).is_null())
        found = entries.select("record", RECORD_ID, EVENT)
        for number, (part, on) in enumerate(
            (
                (there.with_columns(record="of"), ["record"]),
                (once, [RECORD_ID, EVENT]),
                (once.filter(~pl.col(RECORD_ID).is_duplicated()), [RECORD_ID]),
            )
        ):
            part = part.select(*on, text=pl.struct("of", "text")).rename({"text": f"_{number}"})
            found = found.join(part, on=on, how="left", nulls_equal=True, maintain_order="left")
        nearest = pl.coalesce("_0", "_1", "_2").struct
        carried.append(found.select(nearest.field("text").alias(name)).to_series())
        records = found.select(nearest.field("of").alias("record"))
        joined.append(
            Joined(project.raw, records.drop_nulls().unique(), columns=frozenset(decoded.columns))
        )
    return carried, joined


def _one_row_a_child(staged: Staged) -> tuple[Staged, list[Joined]]:
    """Put what several events say of a child into one row: the first value of each field."""
    names = [name for name in staged.rows.columns if name not in ("record", "patient_id")]
    known = staged.rows.filter(pl.col("patient_id").is_not_null())
    grouped = known.group_by("patient_id", maintain_order=True)
    rows = grouped.agg(
        pl.col("record").first(),
        *(pl.col(name).drop_nulls().first() for name in names),
    ).select(staged.rows.columns)
    problems = [staged.problems]
    for name in names:
        several = grouped.agg(
            pl.col("record").first(), values=pl.col(name).drop_nulls().unique(maintain_order=True)
        ).filter(pl.col("values").list.len() > 1)
        problems.append(
            make_problems(
                several,
                "redcap_two_values",
                column=staged.numbers.get(name, staged.value_column),
                found=pl.col("values").list.join(" and "),
            )
        )
    others = known.select("record").join(rows.select("record"), on="record", how="anti")
    unknown = staged.rows.filter(pl.col("patient_id").is_null())
    joined = [Joined(staged.raw, others, columns=staged.used_columns)] if others.height else []
    rows = pl.concat([rows, unknown]).sort("record")
    return replace(staged, rows=rows, problems=gather_problems(problems)), joined


def _stage_measures(
    project: Project,
    entries: pl.DataFrame,
    staged: Staged,
    table: RedcapTable,
    context: ReadContext,
) -> Iterator[Staged]:
    """Give the wide layout of the measures, those with a decimal comma apart from the rest."""
    by_sign: dict[str | None, list[MeasureColumn]] = {}
    problems = [staged.problems]
    for item in table.measures:
        measure = context.measures.get(context.measure_lookup.find(item.measure) or "")
        is_judgement = measure is not None and measure.is_judgement
        name = item.column
        codes, found = code_measure(project, entries, name, item.codes, in_words=is_judgement)
        problems.append(found)
        number = find_columns(project, name)[0]
        sign = _COMMA if _has_comma(project, name, number) else project.format.decimal
        own = {
            key: project.raw.header[find_columns(project, value)[0]]
            for key in ("column", "date", "lower_limit_column", "upper_limit_column")
            if (value := getattr(item, key))
        }
        by_sign.setdefault(sign, []).append(item.model_copy(update={"codes": codes, **own}))
    for place, (sign, measures) in enumerate(by_sign.items()):
        format: Format = project.format.model_copy(update={"decimal": sign})
        yield replace(
            staged,
            format=format,
            measures=tuple(measures),
            problems=gather_problems(problems) if place == 0 else staged.problems.clear(),
        )


def _has_comma(project: Project, name: str, number: int) -> bool:
    """Say whether a field's numbers stand with a comma: it may, and no cell has a point."""
    field = project.owners.get(name)
    if field is None or not field.has_decimal_comma:
        return False
    return not project.raw.cells[str(number)].str.contains(".", literal=True).any()
