"""Scores and states of the visits of a small table, by the classifiers of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from heliotrope.classify.replay import find_category
from heliotrope.classify.scores import classify_scores
from heliotrope.classify.states import classify_states
from heliotrope.classify.trace import SOURCE
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.definitions.score import Component, Population, ScoreDefinition
from heliotrope.definitions.score_table import ScoreTableWords
from heliotrope.errors import Found, UserError
from heliotrope.ingest.score_columns import ScoreTableOptions
from heliotrope.ingest.score_table import TableVisit
from heliotrope.scoring.items import FIRST_DAY, ItemTotals
from heliotrope.scoring.report import ComponentPoints, PatientScore, PatientState
from heliotrope.scoring.steps import find_cautions, find_next_band, find_next_category

REASON_WORDS = {
    "no_baseline": "not recorded at baseline",
    "not_recorded": "not recorded at this visit",
    "no_upper_limit": "no upper limit of normal at baseline",
    "chosen_enzyme_not_recorded": "the enzyme most abnormal at baseline was not measured again",
    "range_undeclared": "its range was not found in the source and is not declared: refused "
    "(declare the ends in the name, e.g. chq_physical_0_100, or with --maximum)",
    "range_not_published": "the range declared is not a published one",
    "other_scale": "recorded on another scale than the rule was made for",
    "strength_by_cmas": "strength rests on the CMAS",
    "enzyme_floor": "every enzyme was within normal limits at baseline",
    "cmas_under_5_years": "healthy children under 5 years may not reach this CMAS",
}

Node = Mapping[str, Any]

DAYS_PER_YEAR = 365
LAST_DAY_OF_EVERY_MONTH = 28

CHANGE_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "patient_id": pl.String,
    "regimen": pl.Int32,
    "date": pl.Date,
    "measure": pl.String,
    "value": pl.Float64,
    "upper_limit": pl.Float64,
    "row_id": pl.Int64,
    "baseline_value": pl.Float64,
    "baseline_upper_limit": pl.Float64,
    "baseline_row_id": pl.Int64,
    "rejected": pl.List(SOURCE),
}


class Calculator:
    """Puts a table through the same classifiers as a run.

    ``read``: the table with the totals of its forms; ``rulebook``: with the scales it declares.
    """

    def __init__(self, read: ItemTotals, rulebook: Rulebook, options: ScoreTableOptions) -> None:
        table = self.table = read.table
        self.item_notes = read.notes
        self.rulebook = rulebook
        self.measures = measures_of(rulebook)
        self.options = options
        self.visits = {
            FIRST_DAY + timedelta(days=number): visit for number, visit in enumerate(table.visits)
        }
        self.baselines = {visit.patient: visit for visit in table.visits if visit.is_baseline}

    def compute_scores(self) -> Iterator[PatientScore]:
        """Score each later row by the definitions of the patient's population."""
        changes = self._make_changes()
        baselines = changes.filter(pl.col("date").is_null()).drop("date", "value", "row_id")
        followed = changes.filter(pl.col("date").is_not_null())
        classified = classify_scores(followed, baselines, self.rulebook)
        decisions = _by_decision(classified.nodes)
        for row in classified.table.sort("date", "definition_id").iter_rows(named=True):
            definition = self.rulebook.get(row["definition_id"], ScoreDefinition)
            visit = self.visits[row["date"]]
            if definition in self._choose_scores(self._find_population(visit)):
                yield self._score(definition, row, decisions[definition.id, row["date"]])

    def _score(
        self, definition: ScoreDefinition, row: Mapping[str, Any], nodes: Mapping[str, Node]
    ) -> PatientScore:
        visit = self.visits[row["date"]]
        components = tuple(
            self._grade(component, definition, nodes[component.id], visit)
            for component in definition.components
        )
        return PatientScore(
            patient=visit.patient,
            timepoint=visit.timepoint,
            definition_id=definition.id,
            title=definition.title,
            population=definition.population,
            score_lower=row["score_lower"],
            score_upper=row["score_upper"],
            score_max_attainable=row["score_max_attainable"],
            has_ceiling=nodes["score_max_attainable"]["state"] == "not_met",
            category=row["category"],
            category_lower=find_category(definition, row["score_lower"]),
            category_upper=find_category(definition, row["score_upper"]),
            because=tuple(
                f"{part.title}: {part.because} (0 to {part.maximum:g} points open)"
                for part in components
                if part.points is None
            ),
            flags=tuple(row["flags"]),
            components=components,
            core_set=definition.core_set,
            next_category=find_next_category(
                definition,
                row["score_lower"],
                row["score_max_attainable"]
                + sum(part.maximum for part in components if part.points is None),
            ),
            cautions=find_cautions(
                [part.measure for part in components if part.measure is not None],
                self._find_age(visit),
                self.measures,
            ),
        )

    def _grade(
        self, component: Component, definition: ScoreDefinition, node: Node, visit: TableVisit
    ) -> ComponentPoints:
        measure = node["label"]
        first = self.baselines[visit.patient]
        baseline, follow_up = first.values.get(measure), visit.values.get(measure)
        part = ComponentPoints(
            component=component.id,
            title=component.title,
            measure=measure,
            baseline=None if baseline is None else baseline.value,
            follow_up=None if follow_up is None else follow_up.value,
            percent_change=node["value"],
            points=node["points"],
            maximum=component.maximum,
            because=REASON_WORDS.get(node["reason"], node["reason"]),
            unit=None if measure is None else self.measures[measure].unit,
        )
        scale = definition.scales(self.rulebook.settings).get(measure)
        band = find_next_band(component, part, scale, first.upper_limits.get(measure))
        return replace(part, next_band=band)

    def _find_age(self, visit: TableVisit) -> float | None:
        """Give the age at a visit, else that at baseline."""
        return (
            self.baselines[visit.patient].age_years if visit.age_years is None else visit.age_years
        )

    def compute_states(self) -> Iterator[PatientState]:
        """Give the activity states of each later row.

        Every row is read by itself, as if it were a child of its own, so that its own age counts.
        """
        days = {f"{number}": day for number, day in enumerate(self.visits)}
        values = (
            self._make_changes()
            .filter(pl.col("date").is_not_null())
            .with_columns(
                patient_id=pl.col("date").replace_strict(
                    list(days.values()), list(days), return_dtype=pl.String
                )
            )
            .select("patient_id", "date", "measure", "value", "upper_limit", "row_id")
        )
        patients = pl.DataFrame(
            [
                (name, _find_birth_date(day, self._find_age(self.visits[day])))
                for name, day in days.items()
                if not self.visits[day].is_baseline
            ],
            schema={"patient_id": pl.String, "birth_date": pl.Date},
            orient="row",
        )
        classified = classify_states(values, patients, self.rulebook)
        decisions = _by_decision(classified.nodes)
        for row in classified.table.sort("date", "definition_id").iter_rows(named=True):
            definition = self.rulebook.get(row["definition_id"], RuleDefinition)
            visit = self.visits[row["date"]]
            nodes = decisions[definition.id, row["date"]]
            yield PatientState(
                patient=visit.patient,
                timepoint=visit.timepoint,
                definition_id=definition.id,
                title=definition.title,
                state=row["state"],
                because=tuple(
                    _describe_leaf({**node, "node": _name_node(node, definition)})
                    for node in nodes.values()
                    if node["operator"]
                ),
                label=nodes["root"]["label"],
            )

    def describe_reading(self) -> Iterator[str]:
        """Say how the table was read, and what a score of it rests on that is not verified."""
        for column in self.table.columns.measures:
            what = "upper limit of " if column.is_upper_limit else ""
            scale = f", scale up to {column.high:g}" if column.is_other_scale else ""
            unit = "" if column.unit == "none" else f" in {column.unit}"
            yield f"{column.name}: read as {what}{column.measure.id}{unit}{scale}"
        for name in self.table.columns.unread:
            yield f"{name}: not used"
        yield from self.item_notes
        for population in sorted({self._find_population(item) for item in self.visits.values()}):
            for definition in self._choose_scores(population):
                yield from (f"{definition.id}: {note}" for note in definition.notes)

    def _find_population(self, visit: TableVisit) -> Population:
        (words,) = self.rulebook.of_kind(ScoreTableWords)
        if self.options.population is not None:
            return self.options.population
        age = self.baselines[visit.patient].age_years
        if age is None:
            return self.rulebook.settings.population
        return "adult" if age >= words.adult_from_age_years else "jdm"

    def _choose_scores(self, population: Population) -> list[ScoreDefinition]:
        """Choose the core sets that the table follows; all of them if it follows none.

        A table follows a core set that it shares a measure of its own with, or, if it has no
        measure of another core set, the preferred measures of the required components.
        """
        recorded = {column.measure.id for column in self.table.columns.measures}
        recorded |= {name for visit in self.table.visits for name in visit.values}
        scores = [
            score
            for score in self.rulebook.of_kind(ScoreDefinition)
            if score.population == population and self.options.core_set in (None, score.core_set)
        ]
        if not scores:
            raise UserError(
                f"a core set that has a score for {population} patients",
                Found(f"{self.options.core_set}"),
                "leave the core set out, or ask for the other",
            )
        if self.options.core_set is not None:
            return scores
        own = {
            score.id: set(score.measures).difference(
                *(rival.measures for rival in scores if rival.id != score.id)
            )
            for score in scores
        }
        followed = [
            score
            for score in scores
            if recorded & own[score.id]
            or (
                not recorded & set().union(*own.values())
                and all(
                    part.candidates[0].measure in recorded
                    for part in score.components
                    if part.required
                )
            )
        ]
        return followed or scores

    def _make_changes(self) -> pl.DataFrame:
        """Put each later value beside its baseline; baseline values also stand without a date."""
        rows: list[dict[str, Any]] = []
        for day, visit in self.visits.items():
            baseline = self.baselines[visit.patient]
            for measure, cell in visit.values.items():
                reference = baseline.values.get(measure)
                rows.append(
                    {
                        "patient_id": visit.patient,
                        "regimen": 1,
                        "date": None if visit.is_baseline else day,
                        "measure": measure,
                        "value": cell.value,
                        "upper_limit": visit.upper_limits.get(measure),
                        "row_id": cell.row_id,
                        "baseline_value": None if reference is None else reference.value,
                        "baseline_upper_limit": baseline.upper_limits.get(measure),
                        "baseline_row_id": None if reference is None else reference.row_id,
                        "rejected": [],
                    }
                )
        return pl.DataFrame(rows, schema=CHANGE_COLUMNS)


def _find_birth_date(day: date, age_years: float | None) -> date | None:
    """Give a birth date that makes a child this old on a day; whole years fall on the birthday."""
    if age_years is None:
        return None
    years, part = divmod(age_years, 1)
    birthday = date(day.year - int(years), day.month, min(day.day, LAST_DAY_OF_EVERY_MONTH))
    return birthday - timedelta(days=int(part * DAYS_PER_YEAR))


def _by_decision(nodes: pl.DataFrame) -> dict[tuple[str, date], dict[str, Node]]:
    """Group trace nodes by definition and date, then by name."""
    decisions: dict[tuple[str, date], dict[str, Node]] = {}
    for row in nodes.drop("sources").iter_rows(named=True):
        decisions.setdefault((row["definition_id"], row["date"]), {})[row["node"]] = row
    return decisions


def _name_node(node: Mapping[str, Any], definition: RuleDefinition) -> str:
    """Name a node; a rule of one comparison by the measure it compares."""
    return str(node["node"]) if node["parent"] is not None else definition.measures[0]


def _describe_leaf(node: Node) -> str:
    """Say what a part of a rule found."""
    if node["value"] is None:
        return f"{node['node']}: {REASON_WORDS.get(node['reason'], node['reason'])}"
    unit = "" if node["unit"] == "none" else f" {node['unit']}"
    reason = REASON_WORDS.get(node["reason"], node["reason"])
    threshold = "" if node["threshold"] is None else f" {node['operator']} {node['threshold']:g}"
    return (
        f"{node['node']}: {node['value']:g}{unit}{threshold}: {node['state'].replace('_', ' ')}"
        f"{'' if reason is None else f' ({reason})'}"
    )
