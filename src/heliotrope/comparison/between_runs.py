"""One definition in two runs: who changes class, and which criterion of the trace decided it.

Two runs of a study differ because records were corrected or added, because its mapping was, or
because the definition itself has another version. Each run is read with the definition it had.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from heliotrope.classify.deciding import Decision, find_deciding, list_ways
from heliotrope.comparison.excerpt import Excerpt
from heliotrope.definitions.comparable import find_units
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.model import Definition
from heliotrope.definitions.node_words import list_node_words
from heliotrope.errors import ExitCode, UserError
from heliotrope.report.explain import open_run
from heliotrope.report.read_run import RunTables
from heliotrope.run.manifest import describe_definitions
from heliotrope.run.verification import read_rulebook_of

UNIT = ["patient_id", "regimen", "date"]
SIDES = ("first", "second")
MOST_NODES = 8

Row = Mapping[str, Any]


@dataclass(frozen=True)
class NodeInBoth:
    """A criterion as each run has it; None where a run has no such criterion for the child."""

    node: str
    first: Row | None
    second: Row | None


@dataclass(frozen=True)
class ChangeBetweenRuns:
    """A visit or regimen that two runs class differently, and the criteria that decided.

    is_decisive: changing these alone would have given the other class; else they are the criteria
    that differ, as far as they are few.
    """

    patient_id: str
    regimen: int | None
    date: dt.date | None
    first: str
    second: str
    is_decisive: bool
    nodes: tuple[NodeInBoth, ...]


@dataclass(frozen=True)
class RunComparison:
    """What one definition says in two runs.

    units: visits or regimens that both judged; only_first and only_second: those of one run alone.
    classes: (class in the first, in the second, units) of those that differ, the most first.
    """

    definitions: tuple[Definition, Definition]
    units: int
    only_first: int
    only_second: int
    differing: int
    classes: tuple[tuple[str, str, int], ...]
    changes: tuple[ChangeBetweenRuns, ...]
    node_words: Mapping[str, str]


def compare_two_runs(
    first: Path, second: Path, definition_id: str, excerpt: Excerpt
) -> RunComparison:
    """Compare what a definition says in two runs; those changes are explained that are asked for.

    Of a definition that decides over visits and regimens, the regimens are compared. Errors:
    UserError for a definition that one of the runs did not apply, or that classes nobody.
    """
    tables = (open_run(first), open_run(second))
    rulebooks = tuple(read_rulebook_of(item.manifest) for item in tables)
    definitions = tuple(
        _find_definition(item, rulebook, definition_id)
        for item, rulebook in zip(tables, rulebooks, strict=True)
    )
    whole_regimens = len(find_units(definitions[0])) > 1
    roots = [_read_roots(item, definition_id, whole_regimens) for item in tables]
    both = roots[0].join(roots[1], on=UNIT, how="inner", nulls_equal=True, suffix="_second")
    changed = both.filter(pl.col("word") != pl.col("word_second")).sort(UNIT, nulls_last=False)
    counted = changed.group_by("word", "word_second").len().sort("len", "word", "word_second",
        descending=[True, False, False])  # fmt: skip
    listed = excerpt.choose(changed, ("word", "word_second")).to_dicts()
    decisions = [
        _read_decisions(item, definition, listed, side)
        for item, definition, side in zip(tables, definitions, SIDES, strict=True)
    ]
    return RunComparison(
        definitions=(definitions[0], definitions[1]),
        units=both.height,
        only_first=roots[0].height - both.height,
        only_second=roots[1].height - both.height,
        differing=changed.height,
        classes=tuple((str(a), str(b), int(n)) for a, b, n in counted.iter_rows()),
        changes=tuple(_explain(unit, decisions) for unit in listed),
        node_words=list_node_words(definitions[1], measures_of(rulebooks[1])),
    )


def list_comparable(first: RunTables, second: RunTables, rulebook: Rulebook) -> list[Definition]:
    """List the definitions that decided something in both runs."""
    names = set(first.traced_definitions()) & set(second.traced_definitions())
    found = [rulebook.definitions[name] for name in sorted(names) if name in rulebook.definitions]
    return [definition for definition in found if find_units(definition)]


def _find_definition(tables: RunTables, rulebook: Rulebook, name: str) -> Definition:
    """Find a definition as the run had it; one that has changed since is not compared."""
    definition = rulebook.definitions.get(name)
    if definition is None or not find_units(definition):
        raise UserError(
            "a definition that classes a child (a rule, a score, the response, the aggravation)",
            name or "none",
            "choose one that both runs applied",
            ExitCode.USAGE,
        )
    then = {item["id"]: item["sha256"] for item in tables.manifest["definitions"]}
    now = {item["id"]: item["sha256"] for item in describe_definitions(rulebook)}
    if then.get(name) != now.get(name):
        raise UserError(
            f"the definition {name} as it was when the run was made",
            "it has changed since, or is no longer there",
            "run the study again; `heliotrope verify RUN` lists what changed",
        )
    return definition


def _read_roots(tables: RunTables, name: str, whole_regimens: bool) -> pl.DataFrame:
    roots = tables.scan_trace().filter(
        (pl.col("definition_id") == name) & pl.col("parent").is_null()
    )
    if whole_regimens:
        roots = roots.filter(pl.col("date").is_null())
    return roots.select(*UNIT, pl.coalesce("label", "state").alias("word")).collect()


def _read_decisions(
    tables: RunTables, definition: Definition, units: Sequence[Row], side: str
) -> dict[tuple[Any, ...], Decision]:
    """Read the decisions about some units, by unit; each bears the name of its run."""
    patients = sorted({unit["patient_id"] for unit in units})
    rows = tables.trace(patients, [definition.id]).sort(UNIT, nulls_last=False)
    named = definition.model_copy(update={"id": side})
    return {
        key: Decision(tuple(group), named, "label")
        for key, group in groupby(rows.iter_rows(named=True), key=itemgetter(*UNIT))
    }


def _explain(
    unit: Row, decisions: Sequence[Mapping[tuple[Any, ...], Decision]]
) -> ChangeBetweenRuns:
    key = itemgetter(*UNIT)(unit)
    one, other = (found[key] for found in decisions)
    deciding = find_deciding(one, other)
    ways = list(list_ways(deciding).values()) if deciding.kind == "leaves" else []
    names = [node.node for node in ways[0]] if ways else _list_differing(one, other)
    return ChangeBetweenRuns(
        patient_id=unit["patient_id"],
        regimen=unit["regimen"],
        date=unit["date"],
        first=unit["word"],
        second=unit["word_second"],
        is_decisive=bool(ways),
        nodes=tuple(
            NodeInBoth(name, one.by_node.get(name), other.by_node.get(name))
            for name in names[:MOST_NODES]
        ),
    )


def _list_differing(one: Decision, other: Decision) -> list[str]:
    """List the leaves that the decisions answer differently."""
    inner = {row["parent"] for decision in (one, other) for row in decision.rows}
    names = dict.fromkeys([*one.by_node, *other.by_node])
    return [
        name for name in names if name not in inner and _answer(one, name) != _answer(other, name)
    ]


def _answer(decision: Decision, name: str) -> tuple[Any, ...] | None:
    row = decision.by_node.get(name)
    return None if row is None else tuple(row[key] for key in ("state", "value", "threshold"))
