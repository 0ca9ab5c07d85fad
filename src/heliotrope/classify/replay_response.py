"""Make the decisions about response and aggravation again, from trace rows and TOML alone.

Plain Python on purpose, and apart from the classifiers: a fault in their frames cannot hide here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heliotrope.classify.replay_trace import (
    STATE_OF_TRUTH,
    Replayed,
    TraceRow,
    Truth,
)
from heliotrope.definitions.decision import Axis, Choice, Criterion
from heliotrope.definitions.response import AggravationDefinition, ResponseDefinition
from heliotrope.records.exact import compare

ROOT = "root"
TIER_LETTERS = {"tier_a": "A", "tier_b": "B", "tier_c": "C"}
ENZYME_LEAVES = ("enzyme_relative_fall", "enzyme_fall_in_upper_limits", "enzyme_in_range")

Decided = dict[str, tuple[str, str | None]]


def replay_response(rows: Sequence[TraceRow], definition: ResponseDefinition) -> Replayed:
    """Decide a regimen's pattern, or a visit's improvement, again."""
    by_node = {str(row["node"]): row for row in rows}
    if set(by_node) == {ROOT}:
        return Replayed(str(by_node[ROOT]["state"]), None, ())
    if rows[0]["date"] is not None:
        return _replay_visit(by_node, definition)
    truths, contradictions = _judge_criteria(by_node, definition.criteria)
    decided = decide(definition.axes, truths)
    contradictions += _compare_axes(by_node, decided)
    pattern = decided["pattern"][0]
    state = {"not_evaluable": "not_evaluable", "none": "not_met"}.get(pattern, "met")
    return Replayed(state, pattern, tuple(contradictions))


def replay_aggravation(rows: Sequence[TraceRow], definition: AggravationDefinition) -> Replayed:
    """Decide again whether a child worsened after stopping, and by which limb."""
    by_node = {str(row["node"]): row for row in rows}
    if set(by_node) == {ROOT}:
        return Replayed(str(by_node[ROOT]["state"]), None, ())
    truths, contradictions = _judge_criteria(by_node, definition.criteria)
    decided = decide(definition.axes, truths)
    contradictions += _compare_axes(by_node, decided)
    days = {
        name.removeprefix("limb_"): float(row["value"])
        for name, row in by_node.items()
        if name.startswith("limb_")
    }
    return Replayed(decided["state"][0], _find_limb(days, definition), tuple(contradictions))


def _find_limb(days: Mapping[str, float], definition: AggravationDefinition) -> str | None:
    """Take the earliest limb, ties in order; d without another limb is an escalation only."""
    if not days:
        return None
    first = min(days, key=lambda limb: (days[limb], limb))
    in_window = {limb for limb, day in days.items() if day <= definition.window_days}
    others = (in_window or set(days)) - {"d"}
    return "escalation_only" if first == "d" and not others else first


def decide(axes: Sequence[Axis], truths: Mapping[str, Truth]) -> Decided:
    """Go down each decision table and take the first row that applies."""
    decided: Decided = {}
    for axis in axes:
        choice = next(choice for choice in axis.choices if applies(choice, truths, decided))
        decided[axis.name] = (choice.label, choice.reason)
    return decided


def applies(choice: Choice, truths: Mapping[str, Truth], decided: Decided) -> bool:
    """Say whether a row of a decision table applies."""
    where = all(
        decided[name.removesuffix(".reason")][name.endswith(".reason")] == label
        for name, label in choice.where.items()
    )
    return (
        where
        and all(truths[name] is True for name in choice.met)
        and all(truths[name] is False for name in choice.not_met)
        and all(truths[name] is not True for name in choice.not_shown)
        and (not choice.any_met or any(truths[name] is True for name in choice.any_met))
    )


def _judge_criteria(
    by_node: Mapping[str, TraceRow], criteria: Sequence[Criterion]
) -> tuple[dict[str, Truth], list[str]]:
    """Compare each recorded value with the definition's threshold again."""
    truths: dict[str, Truth] = {}
    contradictions = []
    for criterion in criteria:
        row = by_node.get(criterion.name)
        if row is None:
            contradictions.append(f"{criterion.name}: not in the trace")
            truths[criterion.name] = None
            continue
        truth = compare(row["value"], criterion.operator, criterion.threshold)
        truths[criterion.name] = truth
        if row["state"] != STATE_OF_TRUTH[truth]:
            contradictions.append(
                f"{criterion.name}: recorded {row['state']}, found {STATE_OF_TRUTH[truth]}"
            )
    return truths, contradictions


def _compare_axes(by_node: Mapping[str, TraceRow], decided: Decided) -> list[str]:
    """Compare the recorded label of every axis with the one found."""
    return [
        f"{axis}: recorded {by_node[axis]['label']}, found {label}"
        for axis, (label, _) in decided.items()
        if axis in by_node and by_node[axis]["label"] != label
    ]


def _replay_visit(by_node: Mapping[str, TraceRow], definition: ResponseDefinition) -> Replayed:
    """Decide again whether a visit was improved, from its comparisons up."""
    groups: dict[str, dict[str, Truth]] = {}
    contradictions = []
    for name, row in by_node.items():
        if row["operator"] is None or row["parent"] in (None, ROOT):
            continue
        truth = compare(row["value"], row["operator"], row["threshold"])
        groups.setdefault(str(row["parent"]), {})[name] = truth
        if row["state"] != STATE_OF_TRUTH[truth]:
            contradictions.append(f"{name}: recorded {row['state']}, found {STATE_OF_TRUTH[truth]}")
    tier_a = by_node["tier_a"]
    tiers: dict[str, Truth] = {
        "tier_a": compare(tier_a["value"], ">=", definition.tier_a.at_least),
        "tier_b": _replay_tier_b(groups, definition),
        "tier_c": _replay_tier_c(groups, definition),
    }
    contradictions += [
        f"{name}: recorded {by_node[name]['state']}, found {STATE_OF_TRUTH[truth]}"
        for name, truth in tiers.items()
        if by_node[name]["state"] != STATE_OF_TRUTH[truth]
    ]
    met = [TIER_LETTERS[name] for name, truth in tiers.items() if truth is True]
    if met:
        return Replayed("met", met[0], tuple(contradictions))
    can_judge = any(truth is not None for truth in tiers.values())
    return Replayed("not_met" if can_judge else "not_evaluable", None, tuple(contradictions))


def _replay_tier_b(
    groups: Mapping[str, Mapping[str, Truth]], definition: ResponseDefinition
) -> Truth:
    tier = definition.tier_b
    return _any(
        [
            _all(list(groups[name].values()))
            for name in (tier.essential, *tier.alternatives)
            if name in groups
        ]
    )


def _replay_tier_c(
    groups: Mapping[str, Mapping[str, Truth]], definition: ResponseDefinition
) -> Truth:
    """Count the items met among those recorded; too few recorded decide nothing."""
    items: list[Truth] = [
        _any(list(groups[name].values()))
        for name in ("strength", "function", "judgement")
        if name in groups
    ]
    if "enzyme" in groups:
        relative, in_limits, in_range = (groups["enzyme"].get(name) for name in ENZYME_LEAVES)
        items.append(_all([relative, _any([in_limits, in_range])]))
    recorded = [item for item in items if item is not None]
    if len(recorded) < definition.tier_c.at_least:
        return None
    return sum(recorded) >= definition.tier_c.at_least


def _any(truths: Sequence[Truth]) -> Truth:
    """Kleene or; nothing recorded decides nothing."""
    if any(truth is True for truth in truths):
        return True
    return None if not truths or any(truth is None for truth in truths) else False


def _all(truths: Sequence[Truth]) -> Truth:
    """Kleene and; nothing recorded decides nothing."""
    if any(truth is False for truth in truths):
        return False
    return None if not truths or any(truth is None for truth in truths) else True
