"""How far two or more definitions agree: share, kappa and the table of agreement, as result rows.

Units are visits or regimens. Each definition gives each unit a word: a class, or one of the words
that decide nothing. Shares and kappas are taken among the units that the definitions could decide;
how many they could not decide stands beside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import polars as pl

from heliotrope.estimate import wording
from heliotrope.estimate.kappa import (
    Rated,
    count_clusters,
    estimate_clustered_proportion,
    estimate_cohen_kappa,
    estimate_fleiss_kappa,
    make_weights,
)
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded

UNDECIDED = ("indeterminate", "not_evaluable", "not_reached")

CELL = "definition_agreement_cell"

NOTHING_DECIDED = worded("no {unit} could be decided by all of these definitions")


@dataclass(frozen=True)
class Words:
    """The words a comparison is made in: the classes, and whether their order means more or less.

    ``classes`` are those that decide; of two, an order says nothing more.
    """

    classes: tuple[str, ...]
    is_ordered: bool

    @property
    def has_weights(self) -> bool:
        """Say whether a near miss counts for something: three ordered classes or more."""
        return self.is_ordered and len(self.classes) > len(("met", "not_met"))


def estimate_definition_agreement(
    units: pl.DataFrame, names: Sequence[str], words: Words, topic: Topic
) -> list[Row]:
    """Give the agreement of each pair of definitions, and of all together where there are more.

    Input: ``units`` with ``patient_id`` and one column of words for each of ``names``, or what
    ``gather_alike`` makes of them; the topic's group names the unit. Rows: see
    ``heliotrope.estimate``. Edge cases: nothing decided by both, or one class throughout: the
    kappa is refused with the reason. Several units of one child: the
    intervals count children (statistic ``proportion_clustered`` in place of
    ``proportion_exact``).
    """
    rows: list[Row] = []
    for first, second in combinations(names, 2):
        rows += _estimate_pair(units, (first, second), words, topic)
    if len(names) > len(("first", "second")):
        rows += _estimate_together(units, names, topic)
    return rows


def _estimate_pair(
    units: pl.DataFrame, names: tuple[str, str], words: Words, topic: Topic
) -> list[Row]:
    first, second = names
    variable = ":".join(names)
    counted = _count(units, names)
    rated = _decided(counted)
    rows = [
        *_count_decided(counted, variable, topic),
        *_estimate_share(rated, variable, topic),
        topic.kappa(variable, "kappa", estimate_cohen_kappa(rated, topic.level)),
    ]
    if words.has_weights:
        kappa = estimate_cohen_kappa(rated, topic.level, make_weights(words.classes))
        rows.append(topic.kappa(variable, "kappa_weighted", kappa))
    cells: Counter[tuple[str, ...]] = Counter()
    for unit in counted:
        cells[unit.classes] += unit.total
    order = [*words.classes, *UNDECIDED]
    for one in order:
        for other in order:
            if cells[one, other]:
                name = f"{first}:{second}:{one}:{other}"
                rows.append(topic.of(CELL).count(name, cells[one, other], cells.total()))
    return rows


def _estimate_together(units: pl.DataFrame, names: Sequence[str], topic: Topic) -> list[Row]:
    variable = ":".join(names)
    counted = _count(units, names)
    rated = _decided(counted)
    return [
        *_count_decided(counted, variable, topic),
        *_estimate_share(rated, variable, topic),
        topic.kappa(variable, "kappa_fleiss", estimate_fleiss_kappa(rated, topic.level)),
    ]


def gather_alike(units: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Count children alike in all their units by one of them.

    Returns ``patient_id`` (of one), the columns of words, ``units`` of that child that were given
    them and ``children`` like it: what ``estimate_definition_agreement`` reads as well, and a few
    thousand rows where there are millions.
    """
    counted = units.group_by("patient_id", *names).agg(units=pl.len()).sort("patient_id", *names)
    words = pl.concat_str(*names, "units", separator=" ")
    profiles = (
        counted.group_by("patient_id", maintain_order=True)
        .agg(profile=words.str.join("; "))
        .group_by("profile", maintain_order=True)
        .agg(pl.col("patient_id").first(), children=pl.len())
    )
    return counted.join(profiles.drop("profile"), on="patient_id", maintain_order="left")


def _count(units: pl.DataFrame, names: Sequence[str]) -> list[Rated]:
    """Count how often each child was given each combination of words."""
    if "units" not in units.columns:
        units = units.with_columns(units=pl.lit(1), children=pl.lit(1))
    counted = (
        units.group_by("patient_id", *names)
        .agg(pl.col("units").sum(), pl.col("children").first())
        .sort("patient_id", *names)
    )
    return [
        Rated(tuple(words), child, number, children)
        for child, *words, number, children in counted.iter_rows()
    ]


def _decided(counted: Sequence[Rated]) -> list[Rated]:
    return [unit for unit in counted if not set(unit.classes) & set(UNDECIDED)]


def _count_decided(counted: Sequence[Rated], variable: str, topic: Topic) -> list[Row]:
    """Say of how many units all, some and none of the definitions could decide."""
    total = sum(unit.total for unit in counted)
    by_number: Counter[int] = Counter()
    for unit in counted:
        by_number[sum(word not in UNDECIDED for word in unit.classes)] += unit.total
    all_of_them = len(counted[0].classes) if counted else 0
    children = count_clusters(counted)
    decided_by_all = by_number[all_of_them] if total else 0
    undecided = by_number[0] if total else 0
    return [
        topic.count(f"{variable}:children", children, total),
        topic.count(f"{variable}:decided_by_all", decided_by_all, total),
        topic.count(f"{variable}:decided_by_some", total - decided_by_all - undecided, total),
        topic.count(f"{variable}:decided_by_none", undecided, total),
    ]


def _estimate_share(rated: Sequence[Rated], variable: str, topic: Topic) -> list[Row]:
    """Give the share of decided units on which all definitions agree."""
    total = sum(unit.total for unit in rated)
    if total == 0:
        reason = NOTHING_DECIDED.format(unit=topic.group)
        return [topic.refuse(variable, "proportion_exact", reason)]
    by_child: dict[object, tuple[int, int]] = {}
    for unit in rated:
        agreeing, seen = by_child.get(unit.cluster, (0, 0))
        same = unit.count * (len(set(unit.classes)) == 1)
        by_child[unit.cluster] = (agreeing + same, seen + unit.count)
    alike = {unit.cluster: unit.clusters for unit in rated}
    children = [found for cluster, found in by_child.items() for _ in range(alike[cluster])]
    agreeing = sum(child[0] for child in children)
    interval = estimate_clustered_proportion(children, topic.level)
    is_exact = len(children) == total
    return [
        topic.count(variable, agreeing, total),
        replace(
            topic.row(variable, "proportion_exact" if is_exact else "proportion_clustered"),
            value=agreeing / total,
            formatted=wording.proportion(agreeing, total, interval),
            low=interval.low,
            high=interval.high,
            level=topic.level,
            n_evaluable=total,
        ),
    ]
