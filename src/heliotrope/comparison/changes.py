"""Who changes class between two definitions, and which nodes of the trace decided it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl

from heliotrope.classify.deciding import (
    Deciding,
    Decision,
    describe_answers,
    find_deciding,
    list_ways,
)
from heliotrope.comparison.result import ClassChange, NodeThatDecided
from heliotrope.definitions.comparable import ComparisonPlan
from heliotrope.estimate.definition_agreement import UNDECIDED
from heliotrope.report.read_run import RunTables

DECISION = ["definition_id", "patient_id", "regimen", "date"]

TraceRow = Mapping[str, Any]


@dataclass(frozen=True)
class ChangeFinder:
    """The decisions behind the units that are classed differently."""

    plan: ComparisonPlan
    decisions: Mapping[int, Decision]

    @classmethod
    def of(cls, tables: RunTables, plan: ComparisonPlan, units: pl.DataFrame) -> ChangeFinder:
        """Read the trace of the children of whom two definitions say different things."""
        names = [item.id for item in plan.definitions]
        differs = pl.any_horizontal(pl.col(names[0]) != pl.col(name) for name in names[1:])
        differing = units.filter(differs)
        patients = differing["patient_id"].unique().to_list()
        wanted = {
            number for name in names for number in differing[f"trace:{name}"].drop_nulls().to_list()
        }
        rows = tables.trace(patients, names).sort(DECISION, nulls_last=False)
        definitions = {item.id: item for item in plan.definitions}
        decisions = {}
        for key, group in groupby(rows.iter_rows(named=True), key=itemgetter(*DECISION)):
            nodes = tuple(group)
            root = next(node["trace_id"] for node in nodes if node["parent"] is None)
            if root in wanted:
                decisions[root] = Decision(nodes, definitions[key[0]], plan.language)
        return cls(plan, decisions)

    def find_changes(self, units: pl.DataFrame, first: str, second: str) -> Iterator[ClassChange]:
        """Give every unit of which two definitions differ, with the nodes that decided.

        Left out are units that neither could decide, whatever the words.
        """
        found: dict[object, Deciding] = {}
        for unit in find_differing(units, first, second).iter_rows(named=True):
            decisions = [self.decisions.get(unit[f"trace:{name}"]) for name in (first, second)]
            yield self._explain(unit, (first, second), decisions, found)

    def _explain(
        self,
        unit: Mapping[str, Any],
        names: tuple[str, str],
        decisions: Sequence[Decision | None],
        found: dict[object, Deciding],
    ) -> ClassChange:
        one, other = decisions
        if one is None or other is None:
            deciding = Deciding("no_decision", names[0] if one is None else names[1])
        else:
            key = (describe_answers(one), describe_answers(other), one.word, other.word)
            if key not in found:
                found[key] = find_deciding(one, other)
            deciding = found[key]
        by_name = dict(zip(names, decisions, strict=True))
        decided_in = by_name[deciding.definition_id]
        rows = {} if decided_in is None else decided_in.by_node
        return ClassChange(
            patient_id=unit["patient_id"],
            regimen=unit["regimen"],
            date=unit["date"],
            first=unit[names[0]],
            second=unit[names[1]],
            kind=deciding.kind,
            decided_in=deciding.definition_id,
            reason=rows["root"]["reason"] if rows else "nothing_recorded",
            ways=tuple(
                tuple(_read_node(rows.get(node.node), node.node, node.would_be) for node in way)
                for way in list_ways(deciding).values()
            ),
        )


def find_differing(units: pl.DataFrame, first: str, second: str) -> pl.DataFrame:
    """Find the units that two definitions class differently and one of them at least decided."""
    is_decided = pl.any_horizontal(pl.col(name).is_in(UNDECIDED).not_() for name in (first, second))
    return units.filter((pl.col(first) != pl.col(second)) & is_decided)


def _read_node(row: TraceRow | None, node: str, would_be: str) -> NodeThatDecided:
    """Put a node of the trace beside the answer it did not give; a missing one was not recorded."""
    found: TraceRow = row or {"state": "not_evaluable", "reason": "not_recorded"}
    return NodeThatDecided(
        node=node,
        state=found["state"],
        reason=found["reason"],
        value=found.get("value"),
        unit=found.get("unit"),
        operator=found.get("operator"),
        threshold=found.get("threshold"),
        points=found.get("points"),
        would_be=would_be,
    )
