"""Definitions over a finished run, side by side: how far they agree, who changes class, and why.

Reads the trace of the run; nothing is evaluated anew, since a run applies every definition whose
measures occur. The definitions are read as the run had them: where one has changed since, nothing
is compared.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from itertools import combinations, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from heliotrope.classify.deciding import (
    Deciding,
    Decision,
    describe_answers,
    find_deciding,
    list_ways,
)
from heliotrope.definitions.comparable import (
    ComparisonOptions,
    ComparisonPlan,
    Unit,
    find_units,
    needs_regimen,
    plan_comparison,
)
from heliotrope.definitions.estimate import DESCRIPTIVE_ESTIMATES, DescriptiveEstimates
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.model import Definition
from heliotrope.definitions.node_words import list_node_words, say_node
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.errors import ExitCode, UserError
from heliotrope.estimate.definition_agreement import (
    UNDECIDED,
    Words,
    estimate_definition_agreement,
)
from heliotrope.estimate.definition_units import (
    Subject,
    make_regimen_units,
    make_visit_units,
)
from heliotrope.estimate.rows import Row, Topic
from heliotrope.report.explain import open_run
from heliotrope.report.read_run import RunTables
from heliotrope.run.manifest import describe_definitions
from heliotrope.run.verification import read_rulebook_of

DECISION = ["definition_id", "patient_id", "regimen", "date"]

ANALYSIS = "definition_agreement"

ABOUT_UNITS = ("children", "decided_by_all", "decided_by_some", "decided_by_none")

TraceRow = Mapping[str, Any]


@dataclass(frozen=True)
class NodeThatDecided:
    """A leaf of the trace, as recorded, and the answer that would have made the classes equal."""

    node: str
    state: str
    reason: str | None
    value: float | None
    unit: str | None
    operator: str | None
    threshold: float | None
    points: float | None
    would_be: str


@dataclass(frozen=True)
class ClassChange:
    """One visit or regimen that two definitions class differently.

    ``kind`` and ``decided_in`` say what made the difference (see ``classify/deciding``);
    ``ways`` are sets of nodes, any one of which would have made them agree.
    """

    patient_id: str
    regimen: int | None
    date: datetime.date | None
    first: str
    second: str
    kind: str
    decided_in: str
    reason: str | None
    ways: tuple[tuple[NodeThatDecided, ...], ...]

    @property
    def is_between_classes(self) -> bool:
        """Say whether both definitions could decide."""
        return not {self.first, self.second} & set(UNDECIDED)


@dataclass(frozen=True)
class PairComparison:
    """Two definitions: the result rows of their agreement, and every unit classed differently."""

    first: str
    second: str
    rows: tuple[Row, ...]
    changes: tuple[ClassChange, ...]

    def count_deciding(self) -> list[tuple[str, str, str, int]]:
        """Count, for each pair of classes, the nodes that decided: first, second, nodes, units."""
        counted = Counter(
            (change.first, change.second, describe_ways(change)) for change in self.changes
        )
        ordered = sorted(counted.items(), key=lambda item: (item[0][:2], -item[1], item[0][2]))
        return [(*key, count) for key, count in ordered]


@dataclass(frozen=True)
class Comparison:
    """Two or more definitions over a run."""

    definitions: tuple[Definition, ...]
    unit: Unit
    language: str
    week: int | None
    units: int
    children: int
    without_regimen: int
    classes: tuple[str, ...]
    node_words: Mapping[str, Mapping[str, str]]
    pairs: tuple[PairComparison, ...]
    together: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries and lists; dates as ISO text."""
        return {
            "definitions": [
                {
                    "id": item.id,
                    "version": item.version,
                    "title": item.title,
                    "verified": item.verified,
                    "local": item.is_local,
                }
                for item in self.definitions
            ],
            "unit": self.unit,
            "compared_by": self.language,
            "week": self.week,
            "classes": list(self.classes),
            "units": self.units,
            "children": self.children,
            "children_without_regimen": self.without_regimen,
            "pairs": [_pair_to_json(pair) for pair in self.pairs],
            "together": [asdict(row) for row in self.together],
        }


def _pair_to_json(pair: PairComparison) -> dict[str, Any]:
    changes = []
    for change in pair.changes:
        content = asdict(change)
        content["date"] = change.date.isoformat() if change.date else None
        changes.append(content)
    return {
        "first": pair.first,
        "second": pair.second,
        "results": [asdict(row) for row in pair.rows],
        "changes": changes,
    }


def describe_ways(change: ClassChange) -> str:
    """Name what decided in one line: nodes joined by 'and', alternatives by 'or'."""
    if not change.ways:
        return f"{change.decided_in}: {change.reason or change.kind}"
    names = dict.fromkeys(" and ".join(node.node for node in way) for way in change.ways)
    return f"{change.decided_in}: {' or '.join(names)}"


def compare_run(
    run: Path, definition_ids: Sequence[str], options: ComparisonOptions | None = None
) -> Comparison:
    """Compare definitions over a finished run.

    Every visit that one of them judged, or every regimen, is a unit. Shares and kappas are taken
    where both could decide; who could be decided by one alone is among the changes. Errors:
    UserError for fewer than two definitions, an id the run does not know, a definition that
    changed since the run, definitions that cannot be compared.
    """
    tables = open_run(run)
    rulebook = read_rulebook_of(tables.manifest)
    definitions = _find_definitions(tables, rulebook, definition_ids)
    plan = plan_comparison(definitions, options or ComparisonOptions())
    parameters = rulebook.get(DESCRIPTIVE_ESTIMATES, DescriptiveEstimates)
    subjects = [
        Subject(item.id, needs_regimen(item), find_units(item) == ("visit",))
        for item in definitions
    ]
    roots = _read_roots(tables, plan)
    regimens = tables.table("regimen").select("patient_id", "regimen", "first_infusion")
    if plan.unit == "visit":
        units = make_visit_units(roots, subjects, regimens)
    else:
        units = make_regimen_units(roots, subjects, regimens, plan.week, parameters.landmarks)
    topic = Topic(
        analysis=ANALYSIS,
        group=plan.unit,
        level=parameters.level,
        quantiles=parameters.quantiles,
        definition_id=DESCRIPTIVE_ESTIMATES,
        definition_version=parameters.version,
    )
    words = Words(plan.labels.words, plan.labels.is_ordered)
    names = [item.id for item in definitions]
    rows = estimate_definition_agreement(units, names, words, topic)
    finder = _Finder.of(tables, plan, units)
    every = set(roots["patient_id"])
    return Comparison(
        definitions=plan.definitions,
        unit=plan.unit,
        language=plan.language,
        week=plan.week,
        units=units.height,
        children=units["patient_id"].n_unique(),
        without_regimen=len(every - set(regimens["patient_id"])),
        classes=(*plan.labels.words, *UNDECIDED),
        node_words=_name_nodes(plan, rulebook),
        pairs=tuple(
            PairComparison(
                first=first,
                second=second,
                rows=tuple(row for row in rows if _is_of(row, first, second)),
                changes=tuple(finder.find_changes(units, first, second)),
            )
            for first, second in combinations(names, 2)
        ),
        together=tuple(row for row in rows if row.variable.startswith(":".join(names)))
        if len(names) > len(("first", "second"))
        else (),
    )


def _name_nodes(plan: ComparisonPlan, rulebook: Rulebook) -> dict[str, dict[str, str]]:
    """Name the nodes of each definition as a clinician would."""
    measures = measures_of(rulebook)
    words = {item.id: list_node_words(item, measures) for item in plan.definitions}
    for item in plan.definitions:
        if isinstance(item, RuleDefinition):
            words[item.id].setdefault(item.root.id, say_node(item.root, measures))
    return words


def _is_of(row: Row, first: str, second: str) -> bool:
    """Say whether a row is about a pair: its variable is the pair, or begins with it."""
    named, rest = f"{first}:{second}", row.variable.removeprefix(f"{first}:{second}:")
    if row.variable == named or row.analysis != ANALYSIS:
        return row.variable.startswith(named)
    return rest in ABOUT_UNITS


def _find_definitions(
    tables: RunTables, rulebook: Rulebook, wanted: Sequence[str]
) -> list[Definition]:
    """Find the definitions as the run had them."""
    if len(wanted) < len(("first", "second")) or len(set(wanted)) < len(wanted):
        raise UserError(
            "two or more different definitions",
            " ".join(wanted) or "none",
            "name them after the run folder; `heliotrope definitions list` names all",
            ExitCode.USAGE,
        )
    known = tables.traced_definitions()
    then = {item["id"]: item["sha256"] for item in tables.manifest["definitions"]}
    now = {item["id"]: item["sha256"] for item in describe_definitions(rulebook)}
    for name in wanted:
        if name not in known:
            nearest = get_close_matches(name, known, n=1)
            hint = f"did you mean {nearest[0]}? " if nearest else ""
            raise UserError(
                "the id of a definition that decided something in this run",
                name,
                f"{hint}the run applied {', '.join(known)}",
            )
        if then.get(name) != now.get(name):
            raise UserError(
                f"the definition {name} as it was when the run was made",
                "it has changed since, or is no longer there",
                "run the study again; `heliotrope verify RUN` lists what changed",
            )
    return [rulebook.definitions[name] for name in wanted]


def _read_roots(tables: RunTables, plan: ComparisonPlan) -> pl.DataFrame:
    """Read the class of every decision; of the response, those of visits or those of regimens."""
    names = [item.id for item in plan.definitions]
    roots = (
        tables.scan_trace()
        .filter(pl.col("definition_id").is_in(names) & pl.col("parent").is_null())
        .select("trace_id", *DECISION, "state", "label")
        .collect()
    )
    word = pl.coalesce("label", "state") if plan.language == "label" else pl.col("state")
    both = [item.id for item in plan.definitions if len(find_units(item)) > 1]
    is_visit = pl.col("date").is_not_null()
    wanted = is_visit if plan.unit == "visit" else is_visit.not_()
    return roots.filter(pl.col("definition_id").is_in(both).not_() | wanted).with_columns(
        word=word, is_judged=pl.coalesce("label", "state") != "not_evaluable"
    )


@dataclass(frozen=True)
class _Finder:
    """The decisions behind the units that are classed differently."""

    plan: ComparisonPlan
    decisions: Mapping[int, Decision]

    @classmethod
    def of(cls, tables: RunTables, plan: ComparisonPlan, units: pl.DataFrame) -> _Finder:
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
        is_decided = pl.any_horizontal(
            pl.col(name).is_in(UNDECIDED).not_() for name in (first, second)
        )
        differing = units.filter((pl.col(first) != pl.col(second)) & is_decided)
        for unit in differing.iter_rows(named=True):
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
