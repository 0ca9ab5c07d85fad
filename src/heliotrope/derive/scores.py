"""Improvement scores: percent change of each measure, its points, and the bounds of their sum."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.score import Component, ScoreDefinition
from heliotrope.definitions.settings import Settings
from heliotrope.derive.score_parts import Graded, find_most_abnormal
from heliotrope.derive.wide_visits import widen_visits

REGIMEN_KEY = ["patient_id", "regimen"]


@dataclass(frozen=True)
class ScoredVisits:
    """The visits with any measure of one score.

    visits: one row a visit: the key, the cells of the measures, and of each component what
    ``Graded`` makes (``points:<number>`` and so on; null where it cannot be graded, never 0);
    of the score ``score_lower`` (missing components count 0), ``score_upper`` (they count their
    maximum), ``measures_present``, ``missing_required`` (the first required component that could
    not be graded, else null) and ``marks`` (the flags of the components, sorted).
    """

    definition: ScoreDefinition
    components: tuple[Graded, ...]
    visits: pl.DataFrame


def derive_scores(
    changes: pl.DataFrame,
    baselines: pl.DataFrame,
    definitions: Sequence[ScoreDefinition],
    settings: Settings,
) -> Iterator[ScoredVisits]:
    """Grade every component of the scores at every visit, and add the points up.

    Input: ``changes`` and ``baselines``. Percent change is absolute, improvement positive, rounded
    as it is compared; a component counts the measure that stands for it (``Graded``).
    """
    graded = _grade(changes, baselines, definitions, settings)
    described = graded.visits.with_columns(
        said for item in graded.components.values() for said in item.describe()
    )
    for definition in definitions:
        components = graded.of(definition)
        visits = described.filter(graded.is_there(definition)).with_columns(_add_up(components))
        yield ScoredVisits(definition, components, visits)


@dataclass(frozen=True)
class _GradedVisits:
    """Visits with the points of all components; one that scores share is graded once.

    ``recorded``: the measures that any visit has.
    """

    visits: pl.DataFrame
    components: Mapping[Component, Graded]
    recorded: Container[str]

    def of(self, definition: ScoreDefinition) -> tuple[Graded, ...]:
        """Give the components of a score."""
        return tuple(self.components[item] for item in definition.components)

    def is_there(self, definition: ScoreDefinition) -> pl.Expr:
        """Say whether a visit has any measure of a score."""
        names = [name for name in definition.measures if name in self.recorded]
        return pl.any_horizontal(
            *(pl.col(f"value:{name}").is_not_null() for name in names), pl.lit(False)
        )


def _grade(
    changes: pl.DataFrame,
    baselines: pl.DataFrame,
    definitions: Sequence[ScoreDefinition],
    settings: Settings,
) -> _GradedVisits:
    asked = dict.fromkeys(name for item in definitions for name in item.measures)
    recorded = set(changes.filter(pl.col("value").is_not_null())["measure"].unique())
    distinct = dict.fromkeys(item for each in definitions for item in each.components)
    components = {
        item: Graded.under(item, number, settings, recorded) for number, item in enumerate(distinct)
    }
    graded = list(components.values())
    chosen = find_most_abnormal(baselines, [item for item in graded if item.is_by_abnormality])
    visits = (
        widen_visits(changes, [name for name in asked if name in recorded])
        .join(chosen, on=REGIMEN_KEY, how="left", maintain_order="left", nulls_equal=True)
        .with_columns(said for item in graded for said in item.compare())
        .with_columns(item.choose() for item in graded)
        .with_columns(item.compute_change() for item in graded)
        .with_columns(item.find_band() for item in graded)
        .with_columns(item.grade() for item in graded)
    )
    return _GradedVisits(visits, components, recorded)


def _find_lower(components: Sequence[Graded]) -> pl.Expr:
    """Add the points up; a component that cannot be graded counts 0."""
    return pl.sum_horizontal(item.column("points") for item in components)


def _add_up(components: Sequence[Graded]) -> list[pl.Expr]:
    """Add the points up, once with nothing and once with all for the missing; say what counted."""
    points = {item.component.id: pl.col(item.name("points")) for item in components}
    lacking = [
        pl.when(points[item.component.id].is_null()).then(pl.lit(item.component.id))
        for item in components
        if item.component.required
    ]
    present = [
        pl.when(points[item.component.id].is_not_null()).then(item.name("measure"))
        for item in components
    ]
    marks = [pl.col(item.name("mark")) for item in components]
    return [
        _find_lower(components).alias("score_lower"),
        pl.sum_horizontal(
            points[item.component.id].fill_null(item.component.maximum) for item in components
        ).alias("score_upper"),
        _list_words(present).alias("measures_present"),
        pl.coalesce([*lacking, pl.lit(None, pl.String)]).alias("missing_required"),
        _list_words(marks).list.unique().list.sort().alias("marks"),
    ]


def _list_words(words: Sequence[pl.Expr]) -> pl.Expr:
    """List the words that are there, spelt."""
    return pl.concat_list(words).list.drop_nulls().cast(pl.List(pl.String))


def derive_attainable(
    baselines: pl.DataFrame, definitions: Sequence[ScoreDefinition], settings: Settings
) -> pl.DataFrame:
    """Say what a regimen's score would be if every measure went to its best value.

    Output: definition_id, patient_id, regimen, ``score_max_attainable``: one row for each score
    and regimen with any baseline of its measures. A global or a questionnaire goes to its best
    end, the enzyme to 0; a measure without a baseline adds 0. A child whose attainable score is
    under the first threshold cannot be found improved by the score.
    """
    best = {
        name: scale.best
        for definition in definitions
        for name, scale in definition.scales(settings).items()
    }
    at_best = baselines.filter(pl.col("measure").is_in(list(best))).with_columns(
        date=pl.lit(0).cast(pl.Date),  # any one day: there is no visit
        value=pl.col("measure").replace_strict(best, return_dtype=pl.Float64),
        row_id=pl.lit(None, pl.Int64),
    )
    graded = _grade(at_best, baselines, definitions, settings)
    return pl.concat(
        graded.visits.filter(graded.is_there(definition)).select(
            pl.lit(definition.id).alias("definition_id"),
            *REGIMEN_KEY,
            _find_lower(graded.of(definition)).alias("score_max_attainable"),
        )
        for definition in definitions
    )
