"""Read a small table of visits: a row a visit, a column a measure, for the score calculator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.score_table import ScoreTableWords
from heliotrope.definitions.vocabulary import CellFormats
from heliotrope.errors import Found, UserError
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.score_columns import (
    MeasureColumn,
    ScoreTableOptions,
    TableColumns,
    read_columns,
)
from heliotrope.records.row_id import SourceCell, pack_row_id
from heliotrope.records.units import find_conversion

NUMBER = re.compile(r"[<>]?=?\s*([-+]?(?:\d+(?:[.,]\d+)?|[.,]\d+))")
PERHAPS_THOUSANDS = re.compile(r".*\d,\d{3}")


@dataclass(frozen=True)
class Cell:
    """One value as read, in the measure's canonical unit, and its cell."""

    value: float
    row_id: int


@dataclass(frozen=True)
class TableVisit:
    """One row: whose, when, and the values and upper limits of normal by measure."""

    patient: str
    timepoint: str
    is_baseline: bool
    age_years: float | None
    values: Mapping[str, Cell]
    upper_limits: Mapping[str, float]


@dataclass(frozen=True)
class ScoreTable:
    """A small table as read: its visits in file order, and what its columns were taken for."""

    file: str
    visits: tuple[TableVisit, ...]
    columns: TableColumns


def read_score_table(raw: RawTable, rulebook: Rulebook, options: ScoreTableOptions) -> ScoreTable:
    """Read the visits of a small table.

    The baseline of a patient is the row whose timepoint says so, else the first row. Without a
    patient column all rows are one patient's.
    Errors: no rows, no measure, a cell that is not a number or not on its scale, two
    baselines, no follow-up at all: UserError.
    """
    columns = read_columns(raw.file, raw.header, rulebook, options)
    (formats,) = rulebook.of_kind(CellFormats)
    missing = {word.casefold() for word in formats.missing}
    missing |= {word.casefold() for word in formats.missing_in_numbers_and_dates}
    reader = _RowReader(raw, columns, options, frozenset(missing))
    rows = [reader.read(number, cells) for number, cells in enumerate(raw.cells.rows())]
    visits = _mark_baselines(raw.file, [row for row in rows if row], rulebook)
    return ScoreTable(file=raw.file, visits=visits, columns=columns)


class _RowReader:
    """Reads rows; knows what each column is."""

    def __init__(
        self,
        raw: RawTable,
        columns: TableColumns,
        options: ScoreTableOptions,
        missing: frozenset[str],
    ) -> None:
        self.raw = raw
        self.columns = columns
        self.options = options
        self.missing = missing

    def read(self, record: int, cells: tuple[str | None, ...]) -> TableVisit | None:
        """Read one row; a row without any cell is skipped."""
        texts = [(cell or "").strip() for cell in cells]
        if not any(texts):
            return None
        values: dict[str, Cell] = {}
        limits: dict[str, float] = {}
        for column in self.columns.measures:
            number = self._number(record, column.number, texts[column.number])
            if number is None:
                continue
            converted = self._convert(column, number)
            if column.is_upper_limit:
                limits[column.measure.id] = converted
            else:
                self._check_scale(record, column, converted)
                values[column.measure.id] = Cell(
                    converted, pack_row_id(SourceCell(0, record, column.number))
                )
        age = self.columns.age
        return TableVisit(
            patient=self._text(self.columns.patient, texts) or "1",
            timepoint=self._text(self.columns.timepoint, texts) or f"row {self._row(record)}",
            is_baseline=False,
            age_years=None if age is None else self._number(record, age, texts[age]),
            values=values,
            upper_limits=self._option_limits() | limits,
        )

    def _row(self, record: int) -> int:
        return record + self.raw.first_row

    @staticmethod
    def _text(column: int | None, texts: list[str]) -> str | None:
        return None if column is None else texts[column] or None

    def _option_limits(self) -> dict[str, float]:
        columns = {
            column.measure.id: column
            for column in self.columns.measures
            if not column.is_upper_limit
        }
        return {
            name: self._convert(columns[name], limit) if name in columns else limit
            for name, limit in self.options.upper_limits.items()
        }

    @staticmethod
    def _convert(column: MeasureColumn, number: float) -> float:
        conversion = find_conversion(column.unit, column.measure.unit, _molar_mass(column))
        return number if conversion is None else conversion.convert(number)

    def _number(self, record: int, column: int, text: str) -> float | None:
        if text.casefold() in self.missing:
            return None
        found = NUMBER.fullmatch(text)
        if found is None or PERHAPS_THOUSANDS.fullmatch(text):
            raise UserError(
                "a number, e.g. 4.5",
                self._found(record, column, text),
                "correct the cell, or leave it empty when nothing was recorded",
            )
        return float(found[1].replace(",", "."))

    def _check_scale(self, record: int, column: MeasureColumn, value: float) -> None:
        low, high = column.low, column.high
        is_outside = (low is not None and value < low) or (high is not None and value > high)
        if is_outside or (value == 0 and not column.measure.zero_is_possible):
            ends = " to ".join("any" if end is None else f"{end:g}" for end in (low, high))
            zero = "" if column.measure.zero_is_possible else ", and not 0"
            raise UserError(
                f"{column.measure.id} from {ends} {column.measure.unit}{zero}",
                self._found(record, column.number, f"{value:g}"),
                "correct the cell; name the ends of another scale in the header, e.g. mmt8_0_150",
            )

    def _found(self, record: int, column: int, text: str) -> Found:
        return Found(text, self.raw.file, row=self._row(record), column=self.raw.header[column])


def _molar_mass(column: MeasureColumn) -> float | None:
    molar_mass = column.measure.molar_mass
    return None if molar_mass is None else molar_mass.grams_per_mole


def _mark_baselines(
    file: str, visits: list[TableVisit], rulebook: Rulebook
) -> tuple[TableVisit, ...]:
    """Find the baseline of each patient: the row that says so, else the first."""
    (words,) = rulebook.of_kind(ScoreTableWords)
    names = {word.casefold() for word in words.baseline_words}
    by_patient: dict[str, list[int]] = {}
    for number, visit in enumerate(visits):
        by_patient.setdefault(visit.patient, []).append(number)
    baselines: set[int] = set()
    for patient, numbers in by_patient.items():
        said = [number for number in numbers if visits[number].timepoint.casefold() in names]
        if len(said) > 1:
            raise UserError(
                "one baseline row a patient",
                Found(f"{len(said)} of patient {patient}", file),
                "name the later visits differently in the timepoint column",
            )
        baselines.add(said[0] if said else numbers[0])
    if len(baselines) == len(visits):
        raise UserError(
            "a baseline row and at least one later row a patient",
            Found(f"{len(visits)} rows of {len(by_patient)} patients", file),
            "add the follow-up rows, with the same patient name as the baseline",
        )
    return tuple(
        replace(visit, is_baseline=number in baselines) for number, visit in enumerate(visits)
    )
