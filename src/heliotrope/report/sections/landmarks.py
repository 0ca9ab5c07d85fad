"""The cohort at fixed weeks: measures, improvement score, share improved, steroid dose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.report.find_results import Results, Row, Share
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.steroid_concepts import list_steroid_concepts
from heliotrope.report.show_measures import rank_measure
from heliotrope.report.words import say_flag, sentence

POINTS = {
    "before": "day before IVIG",
    "last_on_regimen": "last day of cover",
    "after_180_days": "180 days after",
}
DOSES = {
    "prednisone_mg_kg_day": "Prednisone-equivalent, mg/kg/day",
    "prednisone_mg_day": "Prednisone-equivalent, mg/day",
}


@dataclass(frozen=True)
class LandmarkTable:
    """Values by point in time; the columns are those that any line has."""

    columns: Sequence[str]
    lines: Sequence[tuple[str, Sequence[tuple[str, str, str]]]]


def build_landmarks(report: ReportInput) -> Section:
    """Show the measures and the steroid dose at fixed weeks, whatever the pattern."""
    results = report.results
    names = name_measures(report.rulebook)
    content = {
        "measures": _read_medians(results, "landmark", names),
        "scores": _read_medians(results, "landmark_score", names),
        "improved": [
            (_say_point(name), results.share("landmark_improved", name))
            for name in results.variables("landmark_improved")
            if name.startswith("week_")
        ],
        "doses": _read_medians(results, "steroid_dose", DOSES),
        "amounts": _read_medians(
            results,
            "steroid_cumulative",
            {
                "prednisone_mg_kg": "Sum, mg/kg",
                "prednisone_mg_kg_day_mean": "Mean of the days, mg/kg/day",
            },
        ),
        "changes": _read_changes(results),
        "concepts": list_steroid_concepts(report),
        "percent": _given(results.row("steroid_change", "percent_change", "median")),
        "to_half": _given(results.row("steroid_time_to_50_percent", "median_day", "median")),
    }
    return Section(
        "landmarks", "At fixed weeks, and the steroid dose", "landmarks.html.j2", content
    )


def name_measures(rulebook: Rulebook) -> Mapping[str, str]:
    """Name measures with their units, and scores, as tables print them."""
    measures = sorted(measures_of(rulebook).items(), key=lambda item: rank_measure(item[1]))
    names = {
        name: f"{item.title}, {item.unit}" if item.unit != "none" else item.title
        for name, item in measures
    }
    return names | {name: item.title for name, item in rulebook.definitions.items()}


def _given(row: Row | None) -> Row | None:
    return row if row is not None and row["refused"] is None else None


def _say_point(point: str) -> str:
    return POINTS.get(point, say_flag(point))


def _read_medians(results: Results, analysis: str, names: Mapping[str, str]) -> LandmarkTable:
    cells: dict[str, dict[str, tuple[str, str, str]]] = {}
    points: list[str] = []
    for variable in results.variables(analysis):
        what, _, point = variable.partition(":")
        row = results.row(analysis, variable, "median")
        if row is None or not point:
            continue
        if analysis == "steroid_cumulative":
            point = f"{point} IVIG"
        if point not in points:
            points.append(point)
        if row["refused"] is None:
            middle, _, spread = row["formatted"].partition(" (")
            spread = spread.rstrip(")").replace(" to ", "–").replace("-", "–")
            cell = (middle.replace("-", "−"), spread, f"n = {row['n_evaluable']}")
            cells.setdefault(what, {})[point] = cell
    used = [point for point in points if any(point in line for line in cells.values())]
    return LandmarkTable(
        columns=[sentence(_say_point(point)) for point in used],
        lines=[
            (names.get(what, sentence(say_flag(what))), [line.get(p, ("", "", "")) for p in used])
            for what, line in sorted(cells.items(), key=lambda item: _rank(names, item[0]))
        ],
    )


def _rank(names: Mapping[str, str], what: str) -> int:
    return list(names).index(what) if what in names else len(names)


def _read_changes(results: Results) -> Sequence[tuple[str, Share]]:
    return [
        (word, results.share("steroid_change", word))
        for word in ("fell", "unchanged", "rose")
        if results.share("steroid_change", word).is_given
    ]
