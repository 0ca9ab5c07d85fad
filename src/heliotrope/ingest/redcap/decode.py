"""Read the cells of a field: codes by their labels, ticked boxes, numbers with a comma."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.problems import PROBLEM, make_problems
from heliotrope.ingest.redcap.dictionary import CHECKED, COMPLETE, RedcapField
from heliotrope.ingest.redcap.project import Project
from heliotrope.ingest.staged import clean

_BETWEEN_BOXES = ";"
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class Decoded:
    """The text of a field in every row (``record``, ``text``), and choices nobody defined."""

    texts: pl.DataFrame
    problems: pl.DataFrame
    columns: tuple[int, ...]

    @property
    def column(self) -> int:
        """Return the number of the column that a finding points at."""
        return self.columns[0]


def find_columns(project: Project, name: str) -> tuple[int, ...]:
    """Return the columns of a field, a box of it or one of REDCap's own; none if it is not there.

    A field of boxes has a column a choice.
    """
    if name in project.columns:
        return (project.columns[name],)
    field = project.fields.get(name)
    if field is not None and field.is_checkbox:
        boxes = [project.columns.get(column) for column, _, _ in field.columns()]
        return tuple(number for number in boxes if number is not None)
    return (project.raw.header.index(name),) if name in project.raw.header else ()


def decode_field(
    project: Project, rows: pl.DataFrame, name: str, codes: Mapping[str, str], effect: str
) -> Decoded:
    """Read one field as the text that the common way parses.

    Rule: a code is looked up in ``codes`` (code or label = our word), else it becomes its label;
    a choice that the dictionary does not have is refused (``effect``). Boxes become the labels of
    those ticked, separated by semicolons. A number is written with a point.
    """
    columns = find_columns(project, name)
    field = project.fields.get(name)
    if field is not None and field.is_checkbox and name not in project.columns:
        return Decoded(_read_boxes(project, rows, field, codes), _none(), columns)
    cell = pl.col(str(columns[0]))
    texts = rows.select("record", clean(cell, project.missing, {}).alias("text"))
    field = project.owners.get(name)
    choices = CHECKED if field is not None and field.is_checkbox else choices_of(field)
    if choices:
        return _choose(project, Decoded(texts, _none(), columns), choices, codes, effect)
    if field is not None and field.has_decimal_comma:
        lone = pl.col("text").str.contains(r"^[^.,]*,[^.,]*$")
        point = pl.col("text").str.replace(",", ".", literal=True)
        texts = texts.with_columns(pl.when(lone).then(point).otherwise("text").alias("text"))
    return Decoded(texts.with_columns(clean(pl.col("text"), [], codes)), _none(), columns)


def choices_of(field: RedcapField | None) -> Mapping[str, str]:
    """Return the choices of a field by code; none where it has none."""
    return {} if field is None or field.name.endswith(COMPLETE) else field.choices


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema=PROBLEM)


def _choose(
    project: Project,
    decoded: Decoded,
    choices: Mapping[str, str],
    codes: Mapping[str, str],
    effect: str,
) -> Decoded:
    texts = decoded.texts
    meanings: dict[str, str] = {}
    for text in texts["text"].drop_nulls().unique().to_list():
        meaning = _mean(text, choices, codes, is_labelled=project.is_labelled)
        if meaning is not None:
            meanings[text] = meaning
    unknown = texts.filter(pl.col("text").is_not_null() & ~pl.col("text").is_in(list(meanings)))
    known = ", ".join(f"{code} = {label}" for code, label in list(choices.items())[:8])
    problems = make_problems(
        unknown,
        "redcap_unknown_choice",
        column=decoded.column,
        effect=effect,
        found=pl.col("text"),
        expected=f"one of {known}",
    )
    read = pl.col("text").replace_strict(meanings, default=None, return_dtype=pl.String)
    is_said = (read != "") & ~read.str.to_lowercase().is_in(project.missing)
    cleaned = pl.when(is_said).then(read)
    return Decoded(texts.with_columns(cleaned.alias("text")), problems, decoded.columns)


def _mean(
    text: str, choices: Mapping[str, str], codes: Mapping[str, str], *, is_labelled: bool
) -> str | None:
    """Return what a cell of a field with choices means; None if it is no choice."""
    given = {code.strip().casefold(): word for code, word in codes.items()}
    by_label = {label.casefold(): label for label in choices.values()}
    of_code = next((label for code, label in choices.items() if code == text), None)
    of_label = by_label.get(text.casefold())
    label = (of_label or of_code) if is_labelled else (of_code or of_label)
    for said in (text, label):
        if said is not None and said.casefold() in given:
            return given[said.casefold()]
    code = next((code for code, said in choices.items() if said == label), "")
    return given.get(code.casefold(), label)


def _read_boxes(
    project: Project, rows: pl.DataFrame, field: RedcapField, codes: Mapping[str, str]
) -> pl.DataFrame:
    ticked = []
    yes = [word.casefold() for word in ("1", CHECKED["1"])]
    for column, _, code in field.columns():
        if column not in project.columns:
            continue
        label = codes.get(code, codes.get(field.choices[code], field.choices[code]))
        cell = pl.col(str(project.columns[column])).str.strip_chars().str.to_lowercase()
        is_ticked = cell.is_in([*yes, field.choices[code].casefold()]).fill_null(False)
        ticked.append(pl.when(is_ticked).then(pl.lit(label)))
    if not ticked:
        return rows.select("record", text=pl.lit(None, pl.String))
    joined = pl.concat_str(ticked, separator=_BETWEEN_BOXES, ignore_nulls=True)
    return rows.select("record", text=pl.when(joined != "").then(joined))


def code_measure(
    project: Project, rows: pl.DataFrame, name: str, codes: Mapping[str, str], *, in_words: bool
) -> tuple[dict[str, str], pl.DataFrame]:
    """Return the meaning of each code of a measure's field, and the choices nobody defined.

    A judgement (``in_words``) is its label. Of a score the label counts where every label is a
    number (1, 0 | 2, 1: the person chose 0 or 1), else the code, where that is one. A choice that
    is not defined means nothing.
    """
    field = project.owners.get(name)
    choices = CHECKED if field is not None and field.is_checkbox else choices_of(field)
    if not choices:
        return dict(codes), _none()
    decoded = decode_field(project, rows, name, codes, "quarantine_cell")
    number = decoded.column
    cleaned = rows.select(clean(pl.col(str(number)), project.missing, {}).alias("cell"))
    pairs = cleaned.hstack(decoded.texts.select("text")).unique().drop_nulls("cell")
    in_words |= all(_NUMBER.fullmatch(label) for label in choices.values())
    by_label = {label: code for code, label in choices.items()}
    meanings: dict[str, str] = {}
    for cell, text in pairs.iter_rows():
        code = cell if cell in choices and not project.is_labelled else by_label.get(text or "")
        is_number = code is not None and _NUMBER.fullmatch(code) is not None
        is_own = cell in codes or (text or "") in codes.values()
        is_kept = is_number and not in_words and not is_own
        meanings[cell] = str(code) if is_kept else text or ""
    return meanings, decoded.problems
