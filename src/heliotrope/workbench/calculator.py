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
from heliotrope.report.language import _
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
    """One line of the form: a measure, and what was typed."""

    measure: Measure
    before: str
    after: str
    limit: str

    @property
    def has_limit(self) -> bool:
        """Whether it is judged by its upper limit of normal."""
        return self.measure.domain == ENZYME


def show_calculator(request: Request) -> Response:
    """Show the empty form."""
    return _show(request, {})


def compute_scores(request: Request, form: FormData) -> Response:
    """Score what was typed or pasted; the page keeps it, nothing else does."""
    given = {name: text_of(form, name).strip() for name in form}
    options = ScoreTableOptions(
        population=_choose(given, "population", POPULATIONS),
        core_set=_choose(given, "core_set", CORE_SETS),
    )
    rulebook = desk_of(request).rulebook
    try:
        if given.get("table"):
            report = score_text(given["table"][:MOST_TEXT], rulebook, options)
        else:
            before, after = _read_values(given, rulebook)
            report = score_values(before, [after], rulebook, options)
    except UserError as error:
        fault = (error.expected, str(error.found), error.to_do)
        return _show(request, given, fault=fault, status=422)
    return _show(request, given, report=report)


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
    return [
        MeasureRow(
            measures[name],
            given.get(f"before.{name}", ""),
            given.get(f"after.{name}", ""),
            given.get(f"limit.{name}", ""),
        )
        for name in names
    ]


def _show(
    request: Request,
    given: Mapping[str, str],
    report: ScoreReport | None = None,
    fault: tuple[str, str, str] | None = None,
    status: int = 200,
) -> Response:
    rows = _list_rows(given, desk_of(request).rulebook)
    content = {
        "title": _("Improvement score"),
        "rows": rows,
        "given": given,
        "report": report,
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
