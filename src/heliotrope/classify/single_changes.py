"""Which single change of what was recorded would have given another class.

Found by replay alone: one fact of a finished decision is given another value (or a missing one is
added), and the decision is made again from its trace. A reading of the rule, no advice: nothing is
said of how likely the other value is, or what else would change with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from heliotrope.classify.replay import find_replay
from heliotrope.classify.replay_response import ENZYME_LEAVES, ROOT, TIER_LETTERS, decide
from heliotrope.classify.replay_trace import STATE_OF_TRUTH, TRUTH_OF_STATE, TraceRow
from heliotrope.definitions.decision import Axis, Criterion
from heliotrope.definitions.model import Definition
from heliotrope.definitions.response import ResponseDefinition
from heliotrope.definitions.rule import (
    BROKEN,
    HELD,
    PREVIOUS_VISIT,
    BandedScore,
    CutOffStates,
    RuleDefinition,
)
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.records.exact import Operator, compare

RECALL = "recall_before_infusion"

Cut = tuple[Operator, float]
Class = tuple[str, str | None]
Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class SingleChange:
    """One fact with another value, and the classes it would have given.

    ``nodes`` read the fact; ``asked`` bounds the values that would do (empty for the state of an
    earlier visit, whose ``state`` is then given). ``before`` and ``after`` give the class (state
    and label) of the root, and of each axis, that would differ.
    """

    nodes: tuple[str, ...]
    state: str
    asked: tuple[Cut, ...]
    before: Mapping[str, Class]
    after: Mapping[str, Class]


@dataclass(frozen=True)
class Fact:
    """What some nodes read, and the cuts at which they change."""

    nodes: tuple[str, ...]
    cuts: tuple[Cut, ...]
    is_added: bool = False
    parents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Region:
    """Values between which every cut of a fact says the same: bounds, and one value inside."""

    asked: tuple[Cut, ...]
    value: float
    truths: tuple[bool, ...]


def find_single_changes(
    rows: Iterable[TraceRow], definition: Definition
) -> tuple[SingleChange, ...]:
    """List every single change that gives the root, or an axis, of a decision another class.

    Input: the trace rows of one patient, regimen, definition and date. A decision of a root alone
    (nothing recorded, not reached) has no fact to change. Missing facts are tried with every value
    that would matter; recorded ones with every value that a cut tells apart from theirs. A trace
    that lacks nodes its definition always makes has no change either: it cannot be replayed.
    """
    by_node: Rows = {str(row["node"]): dict(row) for row in rows}
    if set(by_node) <= {ROOT} or not _is_whole(by_node, definition):
        return ()
    before = find_classes(by_node, definition)
    changes: list[SingleChange] = []
    for fact in list_facts(by_node, definition):
        for region in find_other_regions(fact, by_node):
            changed = change_rows(by_node, fact, region)
            changes += _compare_classes(fact.nodes, region, before, changed, definition)
    if PREVIOUS_VISIT in by_node:
        was = TRUTH_OF_STATE[by_node[PREVIOUS_VISIT]["state"]]
        state = STATE_OF_TRUTH[not was]
        changed = by_node | {PREVIOUS_VISIT: by_node[PREVIOUS_VISIT] | {"state": state}}
        region = Region((), 0.0, (not was,))
        changes += _compare_classes((PREVIOUS_VISIT,), region, before, changed, definition)
    return tuple(changes)


def _is_whole(by_node: Rows, definition: Definition) -> bool:
    """Say whether a decision has every node that its replay reads."""
    if isinstance(definition, ResponseDefinition) and by_node[ROOT]["date"] is not None:
        return by_node.keys() >= set(TIER_LETTERS)
    criteria, axes = _tables(definition)
    return by_node.keys() >= {item.name for item in criteria} | {axis.name for axis in axes}


def find_classes(by_node: Rows, definition: Definition) -> dict[str, Class]:
    """Make a decision again: the class of the root and, where it has decision tables, each axis."""
    rows = list(by_node.values())
    found = find_replay(definition)(rows, definition)
    classes: dict[str, Class] = {ROOT: (found.state, found.label)}
    criteria, axes = _tables(definition)
    if axes and axes[0].name in by_node:
        truths = {
            item.name: compare(by_node[item.name]["value"], item.operator, item.threshold)
            for item in criteria
        }
        decided = decide(axes, truths)
        classes |= {axis: (label, reason) for axis, (label, reason) in decided.items()}
    return classes


def _tables(definition: Definition) -> tuple[Sequence[Criterion], Sequence[Axis]]:
    return getattr(definition, "criteria", ()), getattr(definition, "axes", ())


def _compare_classes(
    nodes: tuple[str, ...],
    region: Region,
    before: Mapping[str, Class],
    changed: Rows,
    definition: Definition,
) -> Iterator[SingleChange]:
    after = find_classes(changed, definition)
    differing = [name for name in before if _word(name, before) != _word(name, after)]
    if differing:
        yield SingleChange(
            nodes=nodes,
            state=STATE_OF_TRUTH[all(region.truths)],
            asked=region.asked,
            before={name: before[name] for name in differing},
            after={name: after[name] for name in differing},
        )


def _word(name: str, classes: Mapping[str, Class]) -> object:
    """Two classes of an axis differ by their label, of a root by state or label."""
    return classes[name] if name == ROOT else classes[name][0]


def list_facts(by_node: Rows, definition: Definition) -> list[Fact]:
    """List the facts a decision rests on, those of one name together."""
    match definition:
        case ScoreDefinition():
            return [
                Fact((item.id,), tuple((">", edge) for edge in item.edges))
                for item in definition.components
                if item.id in by_node
            ]
        case RuleDefinition():
            return list(_list_rule_facts(by_node, definition))
        case ResponseDefinition() if by_node[ROOT]["date"] is not None:
            return [*_list_visit_facts(by_node, definition), *_list_missing(by_node, definition)]
    criteria, _ = _tables(definition)
    if criteria:
        return _list_criterion_facts(by_node, criteria)
    return [_fact_of(row) for row in by_node.values() if row["parent"] == ROOT and row["operator"]]


def _fact_of(row: TraceRow) -> Fact:
    return Fact((str(row["node"]),), ((row["operator"], row["threshold"]),))


def _list_rule_facts(by_node: Rows, definition: RuleDefinition) -> Iterator[Fact]:
    for node in definition.answers:
        if node.id not in by_node:
            continue
        if isinstance(node, CutOffStates):
            yield Fact((node.id,), tuple((cut.operator, cut.threshold) for cut in node.states))
        elif isinstance(node, BandedScore):
            row = by_node[node.id]
            names = tuple(name for name in (node.id, f"{node.id}_upper") if name in by_node)
            yield Fact(names, ((">=", row["threshold"]),))
        else:
            yield _fact_of(by_node[node.id])
    yield from (_fact_of(by_node[name]) for name in (HELD, BROKEN) if name in by_node)


def _list_criterion_facts(by_node: Rows, criteria: Sequence[Criterion]) -> list[Fact]:
    """Join the criteria that compare one fact.

    Other comparisons under the root (the limbs of a worsening, by days) stand alone; since the
    earliest counts, each is also cut at the days of the others.
    """
    grouped: dict[str, list[Criterion]] = {}
    for item in criteria:
        grouped.setdefault(item.fact or item.name, []).append(item)
    facts = [
        Fact(
            tuple(item.name for item in items),
            tuple((item.operator, item.threshold) for item in items),
        )
        for items in grouped.values()
        if all(item.name in by_node for item in items)
    ]
    named = {item.name for item in criteria}
    limbs = {
        name: row
        for name, row in by_node.items()
        if name not in named and row["parent"] == ROOT and row["operator"]
    }
    for name, row in limbs.items():
        days = {other["value"] for key, other in limbs.items() if key != name}
        among: list[Cut] = [cut for day in sorted(days) for cut in _cuts_at(day)]
        facts.append(Fact((name,), (*_fact_of(row).cuts, *among)))
    return facts


def _cuts_at(day: float) -> tuple[Cut, Cut]:
    return ("<", day), ("<=", day)


def _list_visit_facts(by_node: Rows, definition: ResponseDefinition) -> Iterator[Fact]:
    """List the score, unless the rule ignores it so early, and every comparison of a visit."""
    if by_node["tier_a"]["reason"] != RECALL:
        yield Fact(("tier_a",), ((">=", definition.tier_a.at_least),))
    for row in by_node.values():
        if row["operator"] is not None and row["parent"] not in (None, ROOT):
            yield _fact_of(row)


def _list_missing(by_node: Rows, definition: ResponseDefinition) -> Iterator[Fact]:
    """List the items of tiers B and C that a visit (or its baseline) lacks, each as a whole.

    A composite index counts only beside the physician global, so it is tried only where that
    stands. Which of the strength scales would be added makes no difference: the first is named.
    """
    present = {str(row["parent"]) for row in by_node.values()}
    b, c = definition.tier_b, definition.tier_c
    at_least: Operator = ">="
    falls = {"relative": b.relative_fall_percent, "absolute": b.absolute_fall}
    asked: dict[str, dict[str, Cut]] = {
        "strength": {c.strength[0].measure: (at_least, c.strength[0].step)},
        "function": {c.function.measure: (at_least, c.function.step)},
        "judgement": {c.judgement: (at_least, 1)},
        "enzyme": dict(
            zip(
                ENZYME_LEAVES,
                (
                    (at_least, c.enzyme_relative_fall_percent),
                    (at_least, c.enzyme_fall_in_upper_limits),
                    ("<=", 1),
                ),
                strict=True,
            )
        ),
    }
    with_global = b.alternatives if b.essential in present else ()
    for measure in (b.essential, *with_global):
        asked[measure] = {
            f"{measure}_{kind}_fall": (at_least, step) for kind, step in falls.items()
        }
    for parent, leaves in asked.items():
        if parent not in present:
            yield Fact(tuple(leaves), tuple(leaves.values()), True, dict.fromkeys(leaves, parent))


def find_other_regions(fact: Fact, by_node: Rows) -> list[Region]:
    """List the regions of values in which a fact would say something else than it did."""
    if fact.is_added:
        return [Region(fact.cuts, 0.0, (True,)), Region((), 0.0, (False,))]
    row = by_node[fact.nodes[0]]
    if row["value"] is None:
        return list_regions(fact.cuts)
    now = tuple(bool(compare(row["value"], *cut)) for cut in fact.cuts)
    if row["state"] == "not_met" and len(now) == 1:
        now = (False,)
    return [region for region in list_regions(fact.cuts) if region.truths != now]


def list_regions(cuts: Sequence[Cut]) -> list[Region]:
    """Cut the line of numbers where any comparison changes its answer.

    >>> [region.asked for region in list_regions([("<=", 7), ("<=", 42)])]
    [(('<=', 7),), (('>', 7), ('<=', 42)), (('>', 42),)]
    """
    edges = sorted({threshold for _, threshold in cuts})
    points: list[tuple[float, Cut | None, Cut | None]] = [(edges[0] - 1, None, ("<", edges[0]))]
    for here, after in pairwise([*edges, None]):
        assert here is not None
        points.append((here, (">=", here), ("<=", here)))
        beyond = here + 1 if after is None else (here + after) / 2
        points.append((beyond, (">", here), None if after is None else ("<", after)))
    regions = []
    said = [tuple(bool(compare(point[0], *cut)) for cut in cuts) for point in points]
    for truths, group in groupby(zip(said, points, strict=True), key=lambda item: item[0]):
        inside = [point for _, point in group]
        bounds = tuple(cut for cut in (inside[0][1], inside[-1][2]) if cut is not None)
        regions.append(Region(bounds, inside[len(inside) // 2][0], truths))
    return regions


def change_rows(by_node: Rows, fact: Fact, region: Region) -> Rows:
    """Write a fact's other value into copies of the rows that read it."""
    changed = dict(by_node)
    template = dict.fromkeys(next(iter(by_node.values())))
    for name, (operator, threshold) in zip(fact.nodes, _cuts_of(fact), strict=True):
        if fact.is_added:
            wanted = all(region.truths)
            value = next(
                item.value
                for item in list_regions([(operator, threshold)])
                if item.truths == (wanted,)
            )
            row = template | {"node": name, "parent": fact.parents[name]}
            row |= {"date": by_node[ROOT]["date"], "operator": operator, "threshold": threshold}
        else:
            value, row = region.value, by_node[name]
        changed[name] = row | {"value": value, "reason": None}
    return changed


def _cuts_of(fact: Fact) -> Sequence[Cut]:
    """Give each node its cut; where one node has several (bands), any stands for it."""
    return fact.cuts if len(fact.cuts) == len(fact.nodes) else [fact.cuts[0]] * len(fact.nodes)
