"""Definitions over a finished run, side by side: how far they agree, who changes class, and why.

Reads the trace of the run; nothing is evaluated anew, since a run applies every definition whose
measures occur. The definitions are read as the run had them: where one has changed since, nothing
is compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path

import polars as pl

from heliotrope.comparison.changes import DECISION, ChangeFinder, find_differing
from heliotrope.comparison.child_tables import ChildTables
from heliotrope.comparison.excerpt import Excerpt
from heliotrope.comparison.result import Comparison, PairComparison
from heliotrope.definitions.comparable import (
    ComparisonOptions,
    ComparisonPlan,
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

ANALYSIS = "definition_agreement"

ABOUT_UNITS = ("children", "decided_by_all", "decided_by_some", "decided_by_none")


def compare_run(
    run: Path,
    definition_ids: Sequence[str],
    options: ComparisonOptions | None = None,
    patient_id: str | None = None,
    excerpt: Excerpt | None = None,
) -> Comparison:
    """Compare definitions over a finished run, or over what it says of one child.

    ``excerpt``: which changes of each pair are explained; left out, all are. All are counted.

    Every visit that one of them judged, or every regimen, is a unit. Shares and kappas are taken
    where both could decide; who could be decided by one alone is among the changes. Errors:
    UserError for fewer than two definitions, an id the run does not know, a definition that
    changed since the run, definitions that cannot be compared.
    """
    tables = open_run(run)
    if patient_id is not None:
        tables = ChildTables(tables.folder, patient_id)
    rulebook = read_rulebook_of(tables.manifest)
    definitions = _find_definitions(tables, rulebook, definition_ids)
    plan = plan_comparison(definitions, options or ComparisonOptions())
    units = _make_units(tables, plan, _parameters(rulebook))
    names = [item.id for item in definitions]
    rows = _estimate(units, plan, _parameters(rulebook))
    explained = units if excerpt is None else _choose_units(units, names, excerpt)
    finder = ChangeFinder.of(tables, plan, explained)
    return Comparison(
        definitions=plan.definitions,
        unit=plan.unit,
        language=plan.language,
        week=plan.week,
        units=units.height,
        children=units["patient_id"].n_unique(),
        without_regimen=_count_without_regimen(tables),
        classes=(*plan.labels.words, *UNDECIDED),
        node_words=_name_nodes(plan, rulebook),
        pairs=tuple(
            PairComparison(
                first=first,
                second=second,
                rows=tuple(row for row in rows if _is_of(row, first, second)),
                changes=tuple(finder.find_changes(explained, first, second)),
                classes=tuple(_count_classes(units, first, second)),
            )
            for first, second in combinations(names, 2)
        ),
        together=tuple(row for row in rows if row.variable.startswith(":".join(names)))
        if len(names) > len(("first", "second"))
        else (),
    )


def _choose_units(units: pl.DataFrame, names: Sequence[str], excerpt: Excerpt) -> pl.DataFrame:
    """Take of the units that each pair classes differently those to be explained."""
    pairs = list(combinations(names, 2))
    chosen = [excerpt.choose(find_differing(units, *pair), pair) for pair in pairs]
    return pl.concat(chosen).unique(maintain_order=True)


def _count_classes(units: pl.DataFrame, first: str, second: str) -> Iterator[tuple[str, str, int]]:
    """Count the units that are classed differently by their pair of classes, the most first."""
    counted = find_differing(units, first, second).group_by(first, second).len()
    for row in counted.sort("len", first, second, descending=[True, False, False]).iter_rows():
        yield str(row[0]), str(row[1]), int(row[2])


def _parameters(rulebook: Rulebook) -> DescriptiveEstimates:
    return rulebook.get(DESCRIPTIVE_ESTIMATES, DescriptiveEstimates)


def _make_units(
    tables: RunTables, plan: ComparisonPlan, parameters: DescriptiveEstimates
) -> pl.DataFrame:
    """Put the definitions side by side, a row a visit or regimen."""
    subjects = [
        Subject(item.id, needs_regimen(item), find_units(item) == ("visit",))
        for item in plan.definitions
    ]
    roots = _read_roots(tables, plan)
    regimens = tables.table("regimen").select("patient_id", "regimen", "first_infusion")
    if plan.unit == "visit":
        return make_visit_units(roots, subjects, regimens)
    return make_regimen_units(roots, subjects, regimens, plan.week, parameters.landmarks)


def _estimate(
    units: pl.DataFrame, plan: ComparisonPlan, parameters: DescriptiveEstimates
) -> list[Row]:
    topic = Topic(
        analysis=ANALYSIS,
        group=plan.unit,
        level=parameters.level,
        quantiles=parameters.quantiles,
        definition_id=DESCRIPTIVE_ESTIMATES,
        definition_version=parameters.version,
    )
    words = Words(plan.labels.words, plan.labels.is_ordered)
    names = [item.id for item in plan.definitions]
    return estimate_definition_agreement(units, names, words, topic)


def _count_without_regimen(tables: RunTables) -> int:
    """Count the children whom no definition of a regimen reaches."""
    return len(set(tables.traced_children()) - set(tables.table("regimen")["patient_id"]))


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
