"""This cohort beside the literature: its own shares and those that were published, never mixed.

Published shares get our own exact interval. Children and adults are groups apart. Nothing is pooled
unless the study asks for it (``pool_evidence``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from heliotrope.definitions.evidence import ComparedCount, Evidence, PublishedCount
from heliotrope.definitions.literature import (
    BESIDE_THE_LITERATURE,
    CohortFigure,
    ComparedOutcome,
    Literature,
)
from heliotrope.estimate.inputs import NO_IVIG, Inputs
from heliotrope.estimate.intervals import (
    estimate_difference_newcombe,
    estimate_difference_wald,
)
from heliotrope.estimate.pooling import PooledShare, estimate_pooled_share
from heliotrope.estimate.rows import Figure, Row, Topic
from heliotrope.estimate.wording import difference_of_shares, percent, worded

THIS_COHORT = "this_cohort"

NO_DENOMINATOR = worded("the publication gives no denominator")

NOT_ESTIMATED = worded("not estimated in this run")

COPIED = ("n", "proportion_exact", "proportion_wilson")


TOO_FEW_SERIES = worded("only {series} series, one a centre; at least {least} are pooled")

OF_SERIES = worded("{middle} % ({low} to {high} %) in {series} series")


@dataclass(frozen=True)
class Series:
    """One published count and the series it belongs to."""

    evidence: Evidence
    count: PublishedCount


def estimate_literature(inputs: Inputs, rows: Sequence[Row]) -> list[Row]:
    """Put this cohort's figures (``rows``, already made) beside the published ones.

    Analysis ``literature``: group ``this_cohort``, ``children``, ``adults`` or ``mixed``; variable
    ``<outcome>:<figure or series>``. A published count without a denominator is refused as a share.
    A controlled trial also gives the difference from those without IVIG (fraction of 1).
    Without IVIG in the cohort there is nothing to compare: one refused row.
    """
    topic = inputs.topic("literature", BESIDE_THE_LITERATURE)
    if inputs.table("regimen").height == 0:
        return [topic.of(group=THIS_COHORT).refuse("responded", "proportion_exact", NO_IVIG)]
    literature = inputs.rulebook.get(BESIDE_THE_LITERATURE, Literature)
    made = {(row.analysis, row.variable, row.group, row.statistic): row for row in rows}
    found: list[Row] = []
    for outcome in literature.outcomes:
        for figure in outcome.cohort:
            found += _copy_figure(topic.of(group=THIS_COHORT), outcome, figure, made)
        for series in list_series(inputs.rulebook.of_kind(Evidence), outcome):
            found += _estimate_series(topic, series)
    if inputs.rulebook.settings.pool_evidence:
        found += _estimate_pooled(inputs, literature)
    return found


def list_series(evidence: Iterable[Evidence], outcome: ComparedOutcome) -> list[Series]:
    """List the series that counted an outcome: children first, each population by year."""
    found = [
        Series(item, count) for item in evidence if (count := item.count(outcome.id)) is not None
    ]
    populations = ("children", "mixed", "adults")
    return sorted(
        found,
        key=lambda series: (
            populations.index(series.evidence.population),
            series.evidence.year is None,
            series.evidence.year or 0,
            series.evidence.id,
        ),
    )


def choose_for_pooling(series: Iterable[Series]) -> list[Series]:
    """Choose one series a centre: the largest denominator, then the latest.

    A series without a denominator is left out. One whose centre was not noted counts as a centre
    of its own, unless it names one of the others as overlapping.
    """
    ranked = sorted(
        (item for item in series if item.count.of is not None),
        key=lambda item: (-(item.count.of or 0), -(item.evidence.year or 0), item.evidence.id),
    )
    chosen: list[Series] = []
    for item in ranked:
        is_known = any(
            (item.evidence.centre is not None and item.evidence.centre == other.evidence.centre)
            or other.evidence.id in item.evidence.overlaps
            or item.evidence.id in other.evidence.overlaps
            for other in chosen
        )
        if not is_known:
            chosen.append(item)
    return sorted(chosen, key=lambda item: (item.evidence.year or 0, item.evidence.id))


def _copy_figure(
    topic: Topic,
    outcome: ComparedOutcome,
    figure: CohortFigure,
    made: Mapping[tuple[str, str, str, str], Row],
) -> list[Row]:
    """Repeat a figure of this cohort under the outcome it stands for."""
    variable = f"{outcome.id}:{figure.id}"
    places = [(figure.analysis, figure.variable, figure.group, name) for name in COPIED]
    copied = [
        replace(made[place], analysis=topic.analysis, group=topic.group, variable=variable)
        for place in places
        if place in made
    ]
    return copied or [topic.refuse(variable, "proportion_exact", NOT_ESTIMATED)]


def _estimate_series(topic: Topic, series: Series) -> list[Row]:
    """Give a published count, and the share with our own exact interval where it has a whole."""
    evidence, count = series.evidence, series.count
    own = replace(
        topic.of(group=evidence.population),
        definition_id=evidence.id,
        definition_version=evidence.version,
    )
    variable = f"{count.outcome}:{evidence.id}"
    rows = [own.count(variable, count.events, count.of)]
    if count.of is None:
        return [*rows, own.refuse(variable, "proportion_exact", NO_DENOMINATOR)]
    rows += own.proportion(variable, count.events, count.of, NO_DENOMINATOR)
    if count.compared_with is None:
        return rows
    return rows + _compare(own, variable, (count.events, count.of), count.compared_with)


def _compare(
    topic: Topic, variable: str, with_ivig: tuple[int, int], other: ComparedCount
) -> list[Row]:
    """Give the difference of shares in a controlled trial, by Newcombe and as trials print it."""
    without = (other.events, other.of)
    difference = with_ivig[0] / with_ivig[1] - other.events / other.of
    found = [topic.count(f"{variable}:compared", other.events, other.of)]
    for statistic, estimate in (
        ("difference_newcombe", estimate_difference_newcombe),
        ("difference_wald", estimate_difference_wald),
    ):
        interval = estimate(with_ivig, without, topic.level)
        text = difference_of_shares(difference, interval)
        figure = Figure(difference, text, with_ivig[1] + other.of, interval)
        found.append(topic.figure(variable, statistic, figure))
    return found


def _estimate_pooled(inputs: Inputs, literature: Literature) -> list[Row]:
    """Pool each outcome within each population, or say why it is not pooled."""
    evidence = inputs.rulebook.of_kind(Evidence)
    rows: list[Row] = []
    for population in sorted({item.population for item in evidence}):
        topic = inputs.topic("literature_pooled", BESIDE_THE_LITERATURE).of(group=population)
        for outcome in literature.outcomes:
            own = [item for item in evidence if item.population == population]
            chosen = choose_for_pooling(list_series(own, outcome))
            rows += _pool(topic, outcome.id, chosen, literature)
    return rows


def _pool(
    topic: Topic, variable: str, chosen: Sequence[Series], literature: Literature
) -> list[Row]:
    """Give the pooled share, the prediction interval and the variance among series."""
    if not chosen:
        return []
    least = literature.pooling.least_series
    rows = [topic.count(variable, len(chosen), len(chosen))]
    if len(chosen) < least:
        reason = TOO_FEW_SERIES.format(series=len(chosen), least=least)
        return [*rows, topic.refuse(variable, "proportion_random_effects", reason, len(chosen))]
    counts = [(item.count.events, item.count.of or 0) for item in chosen]
    pooled = estimate_pooled_share(counts, topic.level, literature.pooling.added_to_zero_cells)
    return [
        *rows,
        *(
            topic.count(f"{variable}:{item.evidence.id}", item.count.events, item.count.of)
            for item in chosen
        ),
        *_list_pooled(topic, variable, pooled, sum(of for _, of in counts)),
    ]


def _list_pooled(topic: Topic, variable: str, pooled: PooledShare, total: int) -> list[Row]:
    low, high = (percent(end, total) for end in (pooled.interval.low, pooled.interval.high))
    least, most = (percent(end, total) for end in (pooled.prediction.low, pooled.prediction.high))
    middle = percent(pooled.value, total)
    return [
        replace(
            topic.row(variable, "proportion_random_effects"),
            value=pooled.value,
            formatted=OF_SERIES.format(middle=middle, low=low, high=high, series=pooled.series),
            low=pooled.interval.low,
            high=pooled.interval.high,
            level=topic.level,
            n_evaluable=total,
        ),
        replace(
            topic.row(variable, "prediction_interval"),
            value=pooled.value,
            formatted=f"{least} to {most} %",
            low=pooled.prediction.low,
            high=pooled.prediction.high,
            level=topic.level,
            n_evaluable=total,
        ),
        replace(
            topic.row(variable, "between_series_variance"),
            value=pooled.between_variance,
            formatted=f"{pooled.between_variance:.3g}",
            n_evaluable=pooled.series,
        ),
        replace(
            topic.row(variable, "heterogeneity"),
            value=pooled.heterogeneity,
            formatted=f"{percent(pooled.heterogeneity, total)} %",
            n_evaluable=pooled.series,
        ),
    ]
