"""Why the run says what it says of one child, down to the cell of the source file.

Reads the trace of a finished run, never the classifiers: what stands here is what was decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.response import ResponseDefinition
from heliotrope.definitions.settings import Settings
from heliotrope.errors import ExitCode, UserError
from heliotrope.report.explain_cells import ChildCells, SourceCells
from heliotrope.report.explain_degree import find_next_degree
from heliotrope.report.explain_nodes import TreeBuilder
from heliotrope.report.explain_steps import list_lacks, list_possible_changes
from heliotrope.report.explain_visits import list_visit_runs
from heliotrope.report.explanation import (
    ROOT,
    Decision,
    Explanation,
    Node,
    VisitRun,
    VisitSummary,
)
from heliotrope.report.language import _, later
from heliotrope.report.read_run import RunTables, look_up
from heliotrope.report.say_node import Reading
from heliotrope.report.words import read_words

__all__ = ["Explainer", "Explanation", "explain_patient", "open_run"]

Row = Mapping[str, Any]
Key = tuple[str, str, int | None, Any]

NEAREST = 5
ONSET_DAY = "onset_by_rapid"
JUDGED = ("met", "not_met")
LATEST_JUDGED, LATEST = later("Last visit that could be judged"), later("Last visit")
RECORDS = ("patient", "assessment", "event", "infusion", "medication", "indication")
ANSWER_AXES = ("pattern", "state")

# The answers a reader looks for first; the other definitions follow in alphabetical order.
FIRST = (
    "jdm_ivig_response",
    "aggravation_after_discontinuation",
    "ivig_indication",
    "reaction_windows",
)


def explain_patient(
    run: Path,
    patient_id: str,
    definition_id: str | None = None,
    *,
    visits: bool = False,
    rulebook: Rulebook | None = None,
) -> Explanation:
    """Read everything a run decided about one child, or what one definition decided.

    ``visits``: decisions about single visits are explained whole, too, instead of in summary.
    ``rulebook``: that of the run; left out, the shipped one under the run's settings.
    Errors: no run folder there (exit 2); a child or a definition the run does not know (exit 3,
    with the nearest known names).
    """
    tables = open_run(run)
    trace = tables.trace([patient_id])
    if trace.is_empty():
        raise _unknown_patient(tables.traced_children(), patient_id)
    if definition_id is not None:
        applied = sorted(set(trace["definition_id"]))
        if definition_id not in applied:
            raise _unknown_definition(applied, definition_id)
        trace = trace.filter(pl.col("definition_id") == definition_id)
    records = {name: tables.record(name, [patient_id]) for name in RECORDS}
    links = tables.trace_sources(trace["trace_id"], [patient_id])
    explainer = Explainer(
        trace=trace,
        visits=tables.table_of("visit", [patient_id]),
        cells=ChildCells.of(records, links, SourceCells(tables.sources)),
        readings=Readings(rulebook or _read_rulebook(tables), tables.manifest),
    )
    return explainer.explain(patient_id, whole_visits=visits, latest=definition_id is not None)


def open_run(run: Path) -> RunTables:
    """Open a finished run folder.

    >>> open_run(Path("no-such-run"))
    Traceback (most recent call last):
    heliotrope.errors.UserError: ...
    """
    if not (run / "manifest.json").is_file():
        raise UserError(
            "a finished run folder (it holds manifest.json)",
            str(run),
            "give the folder that was named with --out; `heliotrope demo` makes one",
            ExitCode.USAGE,
        )
    return RunTables(run)


def _read_rulebook(tables: RunTables) -> Rulebook:
    settings = look_up(tables.manifest, "study", "settings")
    return read_rulebook(Settings.model_validate(settings) if settings else None)


class Readings:
    """How each definition's trace is read: with the definition only if it is still the run's."""

    def __init__(self, rulebook: Rulebook, manifest: Mapping[str, Any]) -> None:
        self.rulebook = rulebook
        self._hashes = {
            item["id"]: item["sha256"] for item in manifest.get("definitions", ()) or ()
        }
        self._readings: dict[str, Reading] = {}

    def get(self, definition_id: str) -> Reading:
        """Return how a definition is read; one that changed since the run explains nothing."""
        if definition_id not in self._readings:
            definition = self.rulebook.definitions.get(definition_id)
            was = self._hashes.get(definition_id)
            if definition is not None and was is not None and was != definition.sha256:
                definition = None
            self._readings[definition_id] = Reading(definition, self.rulebook)
        return self._readings[definition_id]

    @property
    def strange(self) -> list[str]:
        """Name the definitions whose trace was read without them."""
        return [name for name, reading in self._readings.items() if reading.definition is None]


@dataclass(frozen=True)
class Explainer:
    """One child's trace, visits and cells, ready to be explained decision by decision."""

    trace: pl.DataFrame
    visits: pl.DataFrame
    cells: ChildCells
    readings: Readings

    @cached_property
    def _decisions(self) -> dict[Key, dict[str, Row]]:
        """The rows of every decision by node, in the order in which a reader looks for them."""
        grouped: dict[Key, dict[str, Row]] = {}
        for row in self.trace.sort("trace_id").iter_rows(named=True):
            key = (row["definition_id"], row["definition_version"], row["regimen"], row["date"])
            grouped.setdefault(key, {})[row["node"]] = row
        return dict(sorted(grouped.items(), key=lambda item: _rank(item[0])))

    def explain(
        self, patient_id: str, *, whole_visits: bool = False, latest: bool = False
    ) -> Explanation:
        """Explain the child: whole decisions, those of the visits that decided, and summaries.

        ``latest``: the last visit that could be judged is a whole decision, too.
        """
        decisions: list[Decision] = []
        summaries: list[VisitSummary] = []
        for (name, _regimen, _date), keys in groupby(self._decisions, key=lambda key: key[:3]):
            mine = list(keys)
            by_visit = [key for key in mine if key[3] is not None]
            regimens = [self.explain_key(key) for key in mine if key[3] is None]
            decisions += regimens
            roles = _find_roles(regimens)
            whole = by_visit if whole_visits else [key for key in by_visit if key[3] in roles]
            decisions += [self.explain_key(key, roles.get(key[3])) for key in whole]
            if by_visit and not whole_visits:
                summary = self._summarise(by_visit)
                summaries.append(summary)
                if latest and summary.latest.date not in roles:
                    decisions.append(summary.latest)
            del name
        return Explanation(
            patient_id=patient_id,
            decisions=tuple(decisions),
            by_visit=tuple(summaries),
            notes=tuple(
                _(
                    "{name}: not the definition of this run any more; read from the trace alone."
                ).format(name=name)
                for name in self.readings.strange
            ),
        )

    def explain_regimen(self, definition_id: str, regimen: int) -> Iterator[Decision]:
        """Explain what one definition decided of one regimen, and of the visits that decided."""
        mine = [key for key in self._decisions if key[0] == definition_id and key[2] == regimen]
        regimens = [self.explain_key(key) for key in mine if key[3] is None]
        yield from regimens
        roles = _find_roles(regimens)
        for key in mine:
            if key[3] in roles:
                yield self.explain_key(key, roles[key[3]])

    def explain_key(self, key: Key, heading: str | None = None) -> Decision:
        """Explain one decision whole."""
        rows = self._rooted(key)
        reading = self.readings.get(key[0])
        root = TreeBuilder(rows, reading, self.cells).build()
        return Decision(
            definition_id=key[0],
            definition_version=key[1],
            title=reading.title or key[0],
            regimen=key[2],
            date=key[3],
            heading=heading,
            root=root,
            next_degree=find_next_degree(root, rows, reading),
            lacking=list_lacks(root, rows, reading),
            could_change=list_possible_changes(rows, reading),
            to_record=tuple(_list_advice(root)),
            visits=self._list_visits(key, rows, reading),
        )

    def _rooted(self, key: Key) -> dict[str, Row]:
        """Return the rows of a decision; the node without a parent is its root, by any name."""
        rows = self._decisions[key]
        if ROOT in rows:
            return rows
        top = next(name for name, row in rows.items() if row["parent"] is None)
        return {ROOT: {**rows[top], "node": ROOT}, **rows}

    def _list_visits(
        self, key: Key, rows: Mapping[str, Row], reading: Reading
    ) -> tuple[VisitRun, ...]:
        is_regimen = key[2] is not None and key[3] is None
        if not isinstance(reading.definition, ResponseDefinition) or not is_regimen:
            return ()
        mine = self.visits.filter(pl.col("regimen") == key[2]).to_dicts()
        onset = rows[ONSET_DAY]["value"] if ONSET_DAY in rows else None
        return list_visit_runs(mine, onset, reading.definition)

    def _summarise(self, keys: Sequence[Key]) -> VisitSummary:
        """Put equal visits in a row together, and explain the last one that could be judged."""
        reading = self.readings.get(keys[0][0])
        roots = [(key, self._decisions[key][ROOT]) for key in keys]
        runs = []
        for (answer, state), group in groupby(roots, key=lambda item: _say_visit(item[1], reading)):
            dates = [key[3] for key, _ in group]
            runs.append(VisitRun(dates[0], dates[-1], len(dates), answer, state, None, None))
        judged = [key for key, root in roots if root["state"] in JUDGED]
        heading = _(LATEST_JUDGED if judged else LATEST)
        return VisitSummary(
            definition_id=keys[0][0],
            definition_version=keys[0][1],
            title=reading.title or keys[0][0],
            regimen=keys[0][2],
            runs=tuple(runs),
            latest=self.explain_key((judged or list(keys))[-1], heading),
        )


def _rank(key: Key) -> tuple[int, str, int, bool, str]:
    name, _, regimen, date = key
    first = FIRST.index(name) if name in FIRST else len(FIRST)
    return first, name, regimen or 0, date is not None, str(date or "")


def _find_roles(regimens: Iterable[Decision]) -> dict[Any, str]:
    """Find the visits that decided a regimen, with what they decided."""
    return {run.first: run.role for item in regimens for run in item.visits if run.role}


def _say_visit(root: Row, reading: Reading) -> tuple[str, str]:
    """Say a visit in a word or two; of what is not evaluable the reason, not the numbers."""
    if root["state"] == "not_evaluable":
        because = reading.say_because(root)
        answer = _("not evaluable") + (f": {because}" if because else "")
        return answer, root["state"]
    return reading.say_answer(root), root["state"]


def _list_advice(root: Node) -> Iterable[str]:
    """List what to record: one sentence for each reason why an answer could not be given."""
    advice = read_words().advice
    open_reasons = (
        node.reason
        for node in root.walk()
        if node.reason in advice and (node.state == "not_evaluable" or node.node != ROOT)
    )
    return dict.fromkeys(advice[reason] for reason in open_reasons if reason is not None)


def _unknown_patient(known: list[str], patient_id: str) -> UserError:
    nearest = get_close_matches(patient_id, known, n=NEAREST, cutoff=0) or known[:NEAREST]
    return UserError(
        f"the pseudonym of one of the {len(known)} children of this run",
        patient_id,
        f"write it as the source does; the nearest are {', '.join(nearest)}"
        if nearest
        else "this run has no children: run a study that has some",
    )


def _unknown_definition(known: list[str], definition_id: str) -> UserError:
    nearest = get_close_matches(definition_id, known, n=1)
    hint = _("did you mean {value}? ").format(value=nearest[0]) if nearest else ""
    return UserError(
        "a definition that this run applied to the child",
        definition_id,
        f"{hint}the run applied {', '.join(known)}",
    )
