"""What is missing for the next class, and which single change would have given another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heliotrope.classify.single_changes import SingleChange, find_single_changes
from heliotrope.definitions.node import CHANGES
from heliotrope.definitions.response import AggravationDefinition
from heliotrope.definitions.rule import Leaf, RuleDefinition
from heliotrope.report.explanation import (
    ROOT,
    Change,
    Lack,
    Node,
    OtherClass,
    PossibleChange,
)
from heliotrope.report.language import _, later, say_defined
from heliotrope.report.say_node import (
    Reading,
    is_yes_or_no,
    say_class,
    say_comparison,
    say_cuts,
    say_label,
)
from heliotrope.report.words import read_words, say, say_flag, say_number, say_unit

Row = Mapping[str, Any]

NOT_RECORDED = later("not recorded")


def list_possible_changes(rows: Mapping[str, Row], reading: Reading) -> tuple[PossibleChange, ...]:
    """List the single changes that would have given another class, the answer's own first."""
    if reading.definition is None:
        return ()
    found = find_single_changes(rows.values(), reading.definition)
    changes = [_say_change(change, rows, reading) for change in found]
    concerns_answer = {
        id(said): ROOT in raw.before for said, raw in zip(changes, found, strict=True)
    }
    return tuple(sorted(changes, key=lambda said: not concerns_answer[id(said)]))


def _say_change(change: SingleChange, rows: Mapping[str, Row], reading: Reading) -> PossibleChange:
    name = change.nodes[0]
    row = rows.get(name)
    shared = [n for n in change.nodes if n in rows and rows[n]["value"] is not None]
    return PossibleChange(
        nodes=change.nodes,
        title=_shared_title(change.nodes, rows, reading),
        now=_say_now(row),
        asked=_say_asked(change, row),
        is_missing=not shared and (row is None or row["label"] is None),
        classes=tuple(_list_classes(change, reading)),
    )


def _shared_title(nodes: Sequence[str], rows: Mapping[str, Row], reading: Reading) -> str:
    """Name a fact that several nodes read by what their titles have in common."""
    titles = [reading.say_title(rows.get(name, {"node": name, "reason": None})) for name in nodes]
    if len(titles) == 1 or len(set(titles)) == 1:
        return titles[0]
    if nodes[0] not in rows:
        return _(" and ").join(
            [titles[0], *(title[:1].lower() + title[1:] for title in titles[1:])]
        )
    return type(titles[0])(titles[0].partition(" (")[0])


def _say_now(row: Row | None) -> str:
    if row is None:
        return _(NOT_RECORDED)
    if row["value"] is None:
        return say_flag(row["label"]) if row["label"] else _(NOT_RECORDED)
    if is_yes_or_no(row):
        return _("yes") if row["value"] else _("no")
    return f"{say_number(row['value'])}{say_unit(row['unit'])}"


def _say_asked(change: SingleChange, row: Row | None) -> str:
    if row is None:
        return (
            _("recorded and better by enough")
            if change.state == "met"
            else _("recorded, not better")
        )
    if not change.asked:
        return say("class", change.state)
    if len(change.nodes) == 1 and is_yes_or_no(row):
        return _("yes") if change.state == "met" else _("no")
    if change.asked == (("<", 1),) and not say_unit(row["unit"]):
        return _("none")
    return say_cuts(change.asked, row["unit"])


def _list_classes(change: SingleChange, reading: Reading) -> Iterator[OtherClass]:
    """Name the classes that would differ; an axis that is the answer itself stands once."""
    is_single = len(reading.axes) == 1
    order = {axis.name: number for number, axis in enumerate(reading.axes)} | {"pattern": -1}
    for name in sorted(change.before, key=lambda name: order.get(name, -2)):
        before, after = change.before[name], change.after[name]
        is_named_by_axis = name == ROOT and "pattern" in change.before
        if is_named_by_axis or (is_single and name != ROOT):
            continue
        question = (
            _("Answer") if name == ROOT else say_defined(reading.words.get(name, say_flag(name)))
        )
        yield OtherClass(question, *(_say_class(name, item, reading) for item in (before, after)))


def _say_class(name: str, item: tuple[str, str | None], reading: Reading) -> str:
    state, label = item
    if name != ROOT:
        return say_label(state)
    if isinstance(reading.definition, AggravationDefinition):
        return (
            _("met, by {value}").format(value=say("limb", label))
            if state == "met" and label
            else say("class", state)
        )
    if label is None:
        return say("class", state)
    if label in read_words().words["tier"]:
        return _("improved, by {value}").format(value=say("tier", label))
    return say_class(label.replace(" + ", "; "))


def list_lacks(root: Node, rows: Mapping[str, Row], reading: Reading) -> tuple[Lack, ...]:
    """List the leaves of a state that is not met which are not met themselves, or not evaluable."""
    definition = reading.definition
    if not isinstance(definition, RuleDefinition) or root.state in ("met", "not_reached"):
        return ()
    if len(rows) == 1 and rows[ROOT]["operator"] is None:
        return ()
    named = {node.node: node for node in root.walk()}
    lacks = []
    for answer in definition.answers:
        node = named.get(answer.id)
        if node is None or node.state == "met":
            continue
        row = rows[answer.id]
        asked = ""
        if row["operator"] is not None and row["threshold"] is not None:
            asked = say_cuts([(row["operator"], row["threshold"])], row["unit"])
        value = _find_visit_value(answer, node.change) if isinstance(answer, Leaf) else None
        if value is not None:
            asked += f", so {value}"
        lacks.append(Lack(node.node, node.title, node.state, _say_lack(node, row), asked))
    return tuple(lacks)


def _say_lack(node: Node, row: Row) -> str:
    if row["value"] is not None:
        return say_comparison({**row, "operator": None})
    return node.because or _(NOT_RECORDED)


def _find_visit_value(leaf: Leaf, change: Change | None) -> str | None:
    """Say which value at the visit would meet a leaf that asks for a change."""
    if change is None or leaf.quantity not in CHANGES:
        return None
    amount = leaf.threshold
    if leaf.quantity.startswith("relative_"):
        amount = abs(change.baseline) * leaf.threshold / 100
    is_for_better = leaf.quantity.endswith("improvement")
    is_upward = (leaf.better == "high") == is_for_better
    value = change.baseline + amount if is_upward else change.baseline - amount
    strict = leaf.operator == ">"
    bound = {(True, False): ">=", (True, True): ">", (False, False): "<=", (False, True): "<"}
    return say_cuts([(bound[is_upward, strict], value)], change.unit)
