"""How much of the rules the drawn children reach: every state and label of every node.

``python -m tests.spec.rule_coverage`` prints one line a definition, and one for each node of which
something was not reached. Only the children of a definition's own chapter count for it.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.spec.case_answers import evaluate_all
from tests.spec.case_files import list_chapters, read_chapter
from tests.spec.case_outcomes import find_outcomes, name_node

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.model import Definition
from heliotrope.definitions.validate import reachable_labels, reachable_states


@dataclass(frozen=True)
class NodeCoverage:
    """The states, or the labels, of one node: which can be reached, and which were."""

    definition_id: str
    node: str
    kind: str
    reachable: frozenset[str]
    reached: frozenset[str]

    @property
    def missing(self) -> frozenset[str]:
        """What can be reached and was not."""
        return self.reachable - self.reached

    @property
    def unforeseen(self) -> frozenset[str]:
        """What was reached although the validator says that it cannot be."""
        return self.reached - self.reachable - {"not_reached"}


def list_decisions() -> list[Definition]:
    """List the shipped definitions whose nodes can be in states, or that have a choice to make."""
    return [
        item
        for item in read_rulebook().definitions.values()
        if reachable_states(item) or reachable_labels(item)
    ]


@cache
def find_reached(definition_id: str) -> dict[tuple[str, str], frozenset[str]]:
    """Collect what the nodes of a definition said of the children of its own chapter."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    if definition_id in list_chapters():
        for case in read_chapter(definition_id):
            said = evaluate_all()[case.patient_id]
            for row in said.trace.get(case.patient_id, []):
                found[name_node(row["node"]), "state"].add(row["state"])
                if row["label"] is not None:
                    found[name_node(row["node"]), "label"].add(row["label"])
            for choice, outcome in find_outcomes(case, said):
                found[choice, "label"].add(outcome)
    return {key: frozenset(words) for key, words in found.items()}


def measure_coverage(definition: Definition) -> Iterator[NodeCoverage]:
    """Compare, node by node, what can be reached with what was."""
    reached = find_reached(definition.id)
    for kind, nodes in (
        ("state", reachable_states(definition)),
        ("label", reachable_labels(definition)),
    ):
        for node, reachable in nodes.items():
            words = reached.get((node, kind), frozenset())
            yield NodeCoverage(definition.id, node, kind, reachable, words)


def write_report() -> str:
    """Write the report: definition, cases, states and labels reached of those reachable."""
    lines = ["Rules reached by the drawn children of tests/spec/cases:"]
    for definition in sorted(list_decisions(), key=lambda item: item.id):
        nodes = list(measure_coverage(definition))
        reachable = sum(len(node.reachable) for node in nodes)
        missing = sum(len(node.missing) for node in nodes)
        cases = len(read_chapter(definition.id)) if definition.id in list_chapters() else 0
        lines.append(
            f"  {definition.id:<36} {cases:>4} cases  "
            f"{reachable - missing:>4} of {reachable:>4}  {1 - missing / reachable:>4.0%}"
        )
        lines += [
            f"      {node.node} {node.kind}: {', '.join(sorted(node.reached)) or 'nothing'} reached; "
            f"missing {', '.join(sorted(node.missing))}"
            for node in nodes
            if node.missing
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(write_report() + "\n")
