"""The score calculator: total improvement score and activity states from a few visits.

One file, pasted text or named values; each gives the same ``ScoreReport``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.score import CoreSet, Population
from heliotrope.definitions.settings import MeasureSetting
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.score_columns import ScoreTableOptions, TableColumns, resolve_options
from heliotrope.ingest.score_source import (
    NamedValues,
    make_table,
    read_table_file,
    read_table_text,
)
from heliotrope.ingest.score_table import read_score_table
from heliotrope.scoring.items import add_item_totals
from heliotrope.scoring.report import (
    ComponentPoints,
    NextBand,
    NextCategory,
    PatientScore,
    PatientState,
    ScoreReport,
)
from heliotrope.scoring.visits import Calculator

__all__ = [
    "ComponentPoints",
    "NextBand",
    "NextCategory",
    "PatientScore",
    "PatientState",
    "ScoreReport",
    "ScoreTableOptions",
    "score",
    "score_file",
    "score_text",
    "score_values",
]


def score(
    baseline: NamedValues,
    follow_up: NamedValues | Sequence[NamedValues],
    *,
    population: Population | None = None,
    core_set: CoreSet | None = None,
    rulebook: Rulebook | None = None,
) -> ScoreReport:
    """Score one patient's values at one later visit, or several, against those at baseline.

    A name is what a column of a table would be called: a measure or a synonym of it, after it a
    unit (``physician_global_mm``, ``ck_ukat_l``), the ends of another scale (``mmt8_0_150``,
    ``chq_physical_0_100``) or the upper limit of normal (``ck_uln``); ``age_years`` chooses
    adults' thresholds and warns where young children cannot reach a value. Items of a form
    (``cmas_head_lift``) make its total. None, or a name left out, was not recorded.

    >>> before = {"physician_global": 6, "patient_global": 5, "mmt8": 56, "chaq": 1.5,
    ...           "ck": 1800, "ck_uln": 200, "extramuscular_global": 3}
    >>> after = {"physician_global": 3, "patient_global": 3.5, "mmt8": 68, "chaq": 0.75,
    ...          "ck": 450, "extramuscular_global": 1.5}
    >>> (found,) = score(before, after).scores
    >>> found.score_lower, found.score_upper, found.category
    (62.5, 62.5, 'moderate')
    >>> {part.component: part.points for part in found.components}["strength"]
    20.0
    >>> found.next_category.name, found.next_category.points_missing
    ('major', 7.5)

    Without the creatine kinase the score has bounds, and says what is open:

    >>> (found,) = score(before, {**after, "ck": None}).scores
    >>> found.score_lower, found.score_upper, found.category
    (55.0, 62.5, 'moderate')

    Errors: a value that is no number or not on its scale, no measure at all: UserError.
    """
    follow_ups = [follow_up] if isinstance(follow_up, Mapping) else list(follow_up)
    options = ScoreTableOptions(population=population, core_set=core_set)
    return score_values(baseline, follow_ups, rulebook, options)


def score_values(
    baseline: NamedValues,
    follow_ups: Sequence[NamedValues],
    rulebook: Rulebook | None = None,
    options: ScoreTableOptions | None = None,
) -> ScoreReport:
    """Score named values (``score`` with all options of a table)."""
    return _score_raw(make_table(baseline, follow_ups), rulebook, options)


def score_file(
    path: Path, rulebook: Rulebook | None = None, options: ScoreTableOptions | None = None
) -> ScoreReport:
    """Score every follow-up row of a small table against its patient's baseline row.

    The thresholds are those of ``options.population``; left open, an age column decides for each
    patient (adults from the age the definitions give), and without one they are the children's.
    Units, upper limits of normal and other scales stand in the header (``mmt8_0_150``, ``ck_uln``)
    or in ``options``. Errors: as ``read_score_table``.
    """
    return _score_raw(read_table_file(path), rulebook, options)


def score_text(
    text: str, rulebook: Rulebook | None = None, options: ScoreTableOptions | None = None
) -> ScoreReport:
    """Score a pasted table: as ``score_file``, from text with any separator."""
    return _score_raw(read_table_text(text), rulebook, options)


def _score_raw(
    raw: RawTable, rulebook: Rulebook | None, options: ScoreTableOptions | None
) -> ScoreReport:
    """Put a table as read through the classifiers of a run."""
    rulebook = rulebook or read_rulebook()
    options = resolve_options(options or ScoreTableOptions(), rulebook)
    table = read_score_table(raw, rulebook, options)
    measures = {**rulebook.settings.measures, **_declare_scales(table.columns)}
    settings = rulebook.settings.model_copy(update={"measures": measures})
    own = replace(rulebook, settings=settings)
    calculator = Calculator(add_item_totals(table, own), own, options)
    return ScoreReport(
        file=table.file,
        scores=tuple(calculator.compute_scores()),
        states=tuple(calculator.compute_states()),
        notes=tuple(calculator.describe_reading()),
    )


def _declare_scales(columns: TableColumns) -> dict[str, MeasureSetting]:
    """Turn scales named in the header into what a study would declare."""
    return {
        column.measure.id: MeasureSetting(
            min=column.low or 0.0, max=column.high, direction=column.measure.better
        )
        for column in columns.measures
        if column.high is not None and column.is_other_scale and column.measure.better
    }
