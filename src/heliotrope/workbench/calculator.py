"""The calculator of the improvement score: values at two visits, or a pasted table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.definitions.score import CoreSet, Population, ScoreDefinition
from heliotrope.errors import UserError
from heliotrope.ingest.score_columns import ScoreTableOptions
from heliotrope.ingest.score_source import NamedValues, make_table
from heliotrope.ingest.score_table import read_score_table
from heliotrope.report.language import _
from heliotrope.report.words import say_number
from heliotrope.scoring.calculator import score_text, score_values
from heliotrope.scoring.report import PatientScore, ScoreReport
from heliotrope.workbench.desk import desk_of
from heliotrope.workbench.pages import show, text_of

MOST_TEXT = 200_000
MOST_SHOWN = 50
MOST_STEPS = 3
POPULATIONS = ("jdm", "adult")
CORE_SETS = ("imacs", "printo")
ENZYME = "enzyme"


@dataclass(frozen=True)
class MeasureRow:
    """One line of the form: a measure, what was typed, in which unit and on which scale.

    units: those it is accepted in, its own first; scales: the tops of the scales that the scores
    know, its own first, with what each is.
    """

    measure: Measure
    before: str
    after: str
    limit: str
    unit: str
    units: Sequence[str]
    scale: str
    scales: Sequence[tuple[str, str]]

    @property
    def has_limit(self) -> bool:
        """Whether it is judged by its upper limit of normal."""
        return self.measure.domain == ENZYME


@dataclass(frozen=True)
class ConvertedValue:
    """A value that was typed in another unit than the score is computed in, in both."""

    title: str
    visit: str
    typed: str
    converted: str


def show_calculator(request: Request) -> Response:
    """Show the empty form."""
    return _show(request, {})


def compute_scores(request: Request, form: FormData) -> Response:
    """Score what was typed or pasted; the page keeps it, nothing else does."""
    given = {name: text_of(form, name).strip() for name in form}
    rulebook = desk_of(request).rulebook
    options = _read_options(given, rulebook)
    converted: Sequence[ConvertedValue] = ()
    try:
        if given.get("table"):
            report = score_text(given["table"][:MOST_TEXT], rulebook, options)
        else:
            before, after = _read_values(given, rulebook)
            report = score_values(before, [after], rulebook, options)
            converted = list_converted(before, after, rulebook, options)
    except UserError as error:
        fault = (error.expected, str(error.found), error.to_do)
        return _show(request, given, fault=fault, status=422)
    return _show(request, given, report=report, converted=converted)


def _read_options(given: Mapping[str, str], rulebook: Rulebook) -> ScoreTableOptions:
    """Read population and core set, and the units and scales of the values that were typed."""
    rows = [] if given.get("table") else _list_rows(given, rulebook)
    own = {row.measure.id: row.units[0] for row in rows if row.units}
    return ScoreTableOptions(
        population=_choose(given, "population", POPULATIONS),
        core_set=_choose(given, "core_set", CORE_SETS),
        units={row.measure.id: row.unit for row in rows if row.unit != own.get(row.measure.id, "")},
        maxima={row.measure.id: float(row.scale) for row in rows if row.scale},
    )


def list_converted(
    before: NamedValues, after: NamedValues, rulebook: Rulebook, options: ScoreTableOptions
) -> list[ConvertedValue]:
    """List the values that were typed in another unit, and what they were converted to."""
    raw = make_table(before, [after])
    table = read_score_table(raw, rulebook, options)
    listed = []
    for column in table.columns.measures:
        measure = column.measure
        if column.unit == measure.unit:
            continue
        for record, visit in enumerate(table.visits):
            typed = raw.cells[str(column.number)][record]
            cell = visit.values.get(measure.id)
            read = visit.upper_limits.get(measure.id) if column.is_upper_limit else None
            value = read if column.is_upper_limit else cell.value if cell else None
            if typed and value is not None:
                when = _("baseline") if visit.is_baseline else _("now")
                when = _("upper limit of normal") if column.is_upper_limit else when
                shown = f"{say_number(value)} {measure.unit}"
                listed.append(ConvertedValue(measure.title, when, f"{typed} {column.unit}", shown))
    return listed


def _choose(given: Mapping[str, str], name: str, known: Sequence[str]) -> Any:
    chosen = given.get(name, "")
    return cast("Population | CoreSet", chosen) if chosen in known else None


def _read_values(
    given: Mapping[str, str], rulebook: Rulebook
) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """Name the values of both visits; a limit of normal stands with those at baseline."""
    before: dict[str, str | None] = {}
    after: dict[str, str | None] = {}
    for row in _list_rows(given, rulebook):
        name = row.measure.id
        if row.before:
            before[name] = row.before
        if row.after:
            after[name] = row.after
        if row.limit:
            before[f"{name}_uln"] = row.limit
    return before, after


def _list_rows(given: Mapping[str, str], rulebook: Rulebook) -> list[MeasureRow]:
    measures = measures_of(rulebook)
    scores = rulebook.of_kind(ScoreDefinition)
    names = dict.fromkeys(name for score in scores for name in score.measures)
    scales = _list_scales(scores)
    return [_make_row(given, measures[name], scales.get(name, {})) for name in names]


def _list_scales(scores: Sequence[ScoreDefinition]) -> dict[str, dict[str, str]]:
    """List the other scales that the scores know, by measure: the top, and what it is."""
    listed: dict[str, dict[str, str]] = {}
    for score in scores:
        for component in score.components:
            for item in component.candidates:
                found = {f"{other.denominator:g}": other.wording for other in item.variants}
                listed.setdefault(item.measure, {}).update(found)
    return listed


def _make_row(given: Mapping[str, str], measure: Measure, scales: Mapping[str, str]) -> MeasureRow:
    name = measure.id
    units = () if measure.unit == "none" else (measure.unit, *measure.units)
    unit, scale = given.get(f"unit.{name}", ""), given.get(f"scale.{name}", "")
    return MeasureRow(
        measure=measure,
        before=given.get(f"before.{name}", ""),
        after=given.get(f"after.{name}", ""),
        limit=given.get(f"limit.{name}", ""),
        unit=unit if unit in units else next(iter(units), ""),
        units=units,
        scale=scale if scale in scales else "",
        scales=sorted(scales.items()),
    )


def _show(
    request: Request,
    given: Mapping[str, str],
    report: ScoreReport | None = None,
    converted: Sequence[ConvertedValue] = (),
    fault: tuple[str, str, str] | None = None,
    status: int = 200,
) -> Response:
    rows = _list_rows(given, desk_of(request).rulebook)
    content = {
        "title": _("Improvement score"),
        "rows": rows,
        "given": given,
        "report": report,
        "converted": converted,
        "most_shown": MOST_SHOWN,
        "list_steps": list_steps,
        "fault": fault,
    }
    return show(request, "calculator.html.j2", content, status)


def list_steps(score: PatientScore) -> list[str]:
    """Say the smallest changes that would give more points, the largest gain first."""
    following = score.next_category
    if following is None or not following.is_attainable:
        return []
    steps = []
    for part in score.components:
        if part.next_band is None:
            continue
        unit = "" if part.unit in (None, "none") else f" {part.unit}"
        text = (
            _("{measure} under {value}: {gain} points more")
            if part.next_band.is_low_better
            else _("{measure} over {value}: {gain} points more")
        )
        said = text.format(
            measure=part.title,
            value=f"{part.next_band.value:g}{unit}",
            gain=f"{part.next_band.gain:g}",
        )
        steps.append((-part.next_band.gain, said))
    return [said for _gain, said in sorted(steps)][:MOST_STEPS]
