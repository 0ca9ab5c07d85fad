"""What the columns of a small table of visits mean: which measure, which unit, which scale."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.definitions.score import CoreSet, Population, ScoreDefinition
from heliotrope.definitions.score_table import ScoreTableWords
from heliotrope.errors import Found, UserError
from heliotrope.records.units import find_conversion, find_unit

T = TypeVar("T")

LETTER_OR_DIGIT = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class ScoreTableOptions:
    """What the table itself may leave open.

    ``population``: whose thresholds (None: by the age column, else children's); ``core_set``: whose
    six measures (None: the sets that the table follows); ``units``,
    ``upper_limits`` and ``maxima``: measure to unit, to upper limit of normal (in that unit) and
    to the top of its scale, where no column says so.
    """

    population: Population | None = None
    core_set: CoreSet | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    upper_limits: Mapping[str, float] = field(default_factory=dict)
    maxima: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class MeasureColumn:
    """One column: the measure it holds, or the upper limit of that measure's normal range.

    ``unit`` is the column's own; ``low`` and ``high`` are the ends of the scale, where known, in
    the measure's canonical unit.
    """

    number: int
    name: str
    measure: Measure
    unit: str
    is_upper_limit: bool = False
    low: float | None = None
    high: float | None = None
    names_unit: bool = False

    @property
    def is_other_scale(self) -> bool:
        """Say whether the scale is not the measure's own."""
        return self.high is not None and self.high != self.measure.maximum


@dataclass(frozen=True)
class TableColumns:
    """The columns of a small table, by what they are for; numbers count from 0."""

    patient: int | None
    timepoint: int | None
    age: int | None
    measures: tuple[MeasureColumn, ...]
    unread: tuple[str, ...]


def read_columns(
    file: str, header: tuple[str, ...], rulebook: Rulebook, options: ScoreTableOptions
) -> TableColumns:
    """Find out what each column of a small table is.

    A measure goes by its canonical name or any synonym; after it may stand a unit (``_mm``), the
    ends of its scale (``_0_150``) or a word for the upper limit of normal (``_uln``). Such a word
    alone is the upper limit of the only enzyme of the table; beside several it says nothing.
    Columns that mean nothing here are listed as unread.
    Errors: no measure at all, one measure in two columns, a scale the scores do not know:
    UserError.
    """
    (words,) = rulebook.of_kind(ScoreTableWords)
    plain = [_plain(name) for name in header]
    by_use = {
        use: next((plain.index(_plain(word)) for word in known if _plain(word) in plain), None)
        for use, known in (
            ("patient", words.patient_columns),
            ("timepoint", words.time_columns),
            ("age", words.age_columns),
        )
    }
    reader = _Reader(file, rulebook, words, options)
    measures, unread = [], []
    for number, name in enumerate(header):
        if number in by_use.values():
            continue
        column = reader.read(number, name)
        if column is None:
            unread.append(name)
        else:
            measures.append(column)
    _check_columns(file, measures)
    limit = reader.read_bare_limit(header, unread, measures)
    if limit is not None:
        measures.append(limit)
        unread.remove(limit.name)
    return TableColumns(**by_use, measures=tuple(_share_units(measures)), unread=tuple(unread))


def _share_units(columns: list[MeasureColumn]) -> Iterator[MeasureColumn]:
    """Give an upper limit whose column names no unit the unit of the measure's own column."""
    units = {column.measure.id: column.unit for column in columns if not column.is_upper_limit}
    for column in columns:
        is_open = column.is_upper_limit and not column.names_unit
        yield replace(column, unit=units.get(column.measure.id, column.unit)) if is_open else column


def _plain(name: str) -> str:
    return "".join(LETTER_OR_DIGIT.findall(name.casefold()))


def _name_measures(rulebook: Rulebook) -> dict[str, Measure]:
    """List the measures by all their names; a canonical name wins over a synonym."""
    measures = measures_of(rulebook).values()
    named = {_plain(name): item for item in measures for name in (*item.synonyms, item.title)}
    return named | {_plain(item.id): item for item in measures}


def resolve_options(options: ScoreTableOptions, rulebook: Rulebook) -> ScoreTableOptions:
    """Replace the names of measures in the options, e.g. ``ck``, by the canonical ones.

    Errors: a name that means no measure: UserError with the nearest names.
    """
    named = _name_measures(rulebook)

    def resolve(given: Mapping[str, T]) -> dict[str, T]:
        for name in given:
            if _plain(name) not in named:
                close = difflib.get_close_matches(_plain(name), list(named), n=1)
                hint = f"; did you mean {named[close[0]].id}?" if close else ""
                raise UserError("the name of a measure", name, f"correct the name{hint}")
        return {named[_plain(name)].id: value for name, value in given.items()}

    return ScoreTableOptions(
        population=options.population,
        core_set=options.core_set,
        units=resolve(options.units),
        upper_limits=resolve(options.upper_limits),
        maxima=resolve(options.maxima),
    )


def _check_columns(file: str, columns: list[MeasureColumn]) -> None:
    if not any(not column.is_upper_limit for column in columns):
        raise UserError(
            "columns of core set measures, e.g. physician_global, mmt8, creatine_kinase",
            Found("none that is known", file, row=1),
            "name the columns after the measures; `heliotrope definitions list` names them",
        )
    seen: dict[tuple[str, bool], str] = {}
    for column in columns:
        key = (column.measure.id, column.is_upper_limit)
        if key in seen:
            raise UserError(
                f"one column for {column.measure.id}",
                Found(f"{seen[key]} and {column.name}", file, row=1),
                "remove or rename one of the two columns",
            )
        seen[key] = column.name


class _Reader:
    """Reads column names; knows the measures by all their names."""

    def __init__(
        self, file: str, rulebook: Rulebook, words: ScoreTableWords, options: ScoreTableOptions
    ) -> None:
        self.file = file
        self.options = options
        self.measures = _name_measures(rulebook)
        self.limit_words = {_plain(word) for word in words.upper_limit_words}
        self.scales: dict[str, set[float]] = {}
        self.enzymes: set[str] = set()
        for score in rulebook.of_kind(ScoreDefinition):
            for component in score.components:
                for candidate in component.candidates:
                    if candidate.denominator_upper_limits is not None:
                        self.enzymes.add(candidate.measure)
                    self.scales.setdefault(candidate.measure, set()).update(
                        variant.denominator for variant in candidate.variants
                    )

    def read(self, number: int, name: str) -> MeasureColumn | None:
        """Read one name: the longest beginning that is a measure, and what stands after it."""
        tokens = LETTER_OR_DIGIT.findall(name.casefold())
        for cut in range(len(tokens), 0, -1):
            measure = self.measures.get("".join(tokens[:cut]))
            if measure is None or measure.is_judgement:
                continue
            return self._read_rest(number, name, measure, tokens[cut:])
        return None

    def read_bare_limit(
        self, header: tuple[str, ...], unread: list[str], columns: list[MeasureColumn]
    ) -> MeasureColumn | None:
        """Read a column that says no more than 'upper limit': it is that of the only enzyme."""
        bare = [name for name in unread if _plain(name) in self.limit_words]
        enzymes = [column for column in columns if column.measure.id in self.enzymes]
        if len(bare) != 1 or len(enzymes) != 1 or enzymes[0].is_upper_limit:
            return None
        measure = enzymes[0].measure
        unit = self.options.units.get(measure.id, measure.unit)
        return MeasureColumn(header.index(bare[0]), bare[0], measure, unit, is_upper_limit=True)

    def _read_rest(
        self, number: int, name: str, measure: Measure, rest: list[str]
    ) -> MeasureColumn | None:
        unit = self.options.units.get(measure.id, measure.unit)
        limit = self._read_limit(number, name, measure, rest)
        if limit is not None:
            return limit
        low, high = measure.minimum, self.options.maxima.get(measure.id, measure.maximum)
        ends = [token for token in rest if token.isdigit()]
        if len(ends) == 2 and rest[-2:] == ends:
            low, high = float(ends[0]), float(ends[1])
            rest = rest[:-2]
        if rest:
            spelled = find_unit("/".join(rest))
            if spelled is None:
                return None
            unit = spelled.name
        return self._settle_scale(MeasureColumn(number, name, measure, unit, False, low, high))

    def _read_limit(
        self, number: int, name: str, measure: Measure, rest: list[str]
    ) -> MeasureColumn | None:
        """Read the name of an upper limit, with a unit before or after that word, or without."""
        for cut in range(len(rest) + 1):
            for words, unit in ((rest[:cut], rest[cut:]), (rest[cut:], rest[:cut])):
                if "".join(words) not in self.limit_words:
                    continue
                spelled = find_unit("/".join(unit)) if unit else None
                if unit and spelled is None:
                    return None
                own = measure.unit if spelled is None else spelled.name
                given = self.options.units.get(measure.id, own) if spelled is None else own
                return MeasureColumn(
                    number, name, measure, given, is_upper_limit=True, names_unit=bool(unit)
                )
        return None

    def _settle_scale(self, column: MeasureColumn) -> MeasureColumn:
        """Accept the measure's scale, the same in its other unit, a variant, or refuse."""
        measure = column.measure
        unit, high = column.unit, column.high
        for other in measure.units:
            conversion = find_conversion(other, measure.unit)
            if high is not None and conversion is not None and high != measure.maximum:
                converted = conversion.convert(high)
                if converted == measure.maximum:
                    unit, high = other, converted
        if find_conversion(unit, measure.unit) is None:
            raise UserError(
                f"{measure.id} in {' or '.join((measure.unit, *measure.units))}",
                Found(unit, self.file, row=1, column=column.name),
                "convert the column or correct its unit",
            )
        known = {measure.maximum, *self.scales.get(measure.id, set())}
        if measure.maximum is not None and high not in known:
            scales = " or ".join(f"{scale:g}" for scale in sorted(s for s in known if s))
            raise UserError(
                f"{measure.id} on a scale up to {scales}",
                Found(f"up to {high:g}", self.file, row=1, column=column.name),
                "convert the values to a published scale",
            )
        return MeasureColumn(column.number, column.name, measure, unit, False, column.low, high)
