"""What a definition said of the children of the specification, beside what it must say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import polars as pl
from tests.spec.case_children import make_children
from tests.spec.case_files import NOTHING, Case, read_all
from tests.spec.case_tables import WRITTEN, Found, derive_more, find_findings
from tests.spec.drawn_records import day_of

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.response import ResponseDefinition
from heliotrope.definitions.settings import Settings
from heliotrope.derive.derived import derive_all
from heliotrope.records.results import TABLES

TABLE_OF_KIND = {
    "rule": "state",
    "score": "score",
    "response": "response",
    "aggravation": "aggravation",
    "indication": "indication",
    "exposure": "regimen",
    "haemolysis_case": "haemolysis",
    "steroid_resistance": "steroid_outcome",
    "steroid_dependence": "steroid_outcome",
    "steroid_discontinuation": "steroid_outcome",
    "reaction_windows": "reaction",
    "grading": "reaction",
    "measure_in_force": "in_force",
    "item_form": "form",
    "glucocorticoid": "steroid_period",
    "dose_rule": "steroid_period",
    "followed_drugs": "drug_period",
    "drug_text": "drug_text",
}
TRACED_BY = {"ctcae_v5": "reaction_windows"}
PARTS = ("state", "value", "points", "label", "reason", "threshold")
FINDINGS = "findings"
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Said:
    """Everything that was said of the children of one chapter."""

    rulebook: Rulebook
    trace: Mapping[str, Sequence[Found]]
    tables: Mapping[str, Mapping[str, Sequence[Found]]]
    columns: Mapping[str, Sequence[str]]
    findings: Mapping[str, Sequence[str]]


@cache
def evaluate_all() -> dict[str, Said]:
    """Evaluate every case of the specification, all of one study's settings together."""
    by_settings: dict[str, tuple[Settings, list[Case]]] = {}
    for case in read_all():
        key = case.settings.model_dump_json()
        by_settings.setdefault(key, (case.settings, []))[1].append(case)
    said: dict[str, Said] = {}
    for settings, cases in by_settings.values():
        rulebook = read_rulebook(settings)
        shard = make_children(cases, rulebook)
        evaluation = evaluate(shard, rulebook)
        for name, schema in TABLES.items():
            schema.validate(evaluation.tables[name])
        derived = derive_all(
            shard, rulebook, rulebook.of_kind(ResponseDefinition)[0].baseline.days_before
        )
        tables = {**evaluation.tables, **derive_more(derived, rulebook, cases)}
        one = Said(
            rulebook,
            *_by_child(evaluation.trace, tables, cases),
            columns={name: table.columns for name, table in tables.items()},
            findings=find_findings(evaluation.findings, shard),
        )
        said |= {case.patient_id: one for case in cases}
    return said


def _by_child(
    nodes: pl.DataFrame, tables: Mapping[str, pl.DataFrame], cases: Sequence[Case]
) -> tuple[dict[str, list[Found]], dict[str, dict[str, list[Found]]]]:
    own = pl.DataFrame(
        {
            "patient_id": [case.patient_id for case in cases],
            "definition_id": [case.definition_id for case in cases],
        }
    )
    traced = own.with_columns(pl.col("definition_id").replace(TRACED_BY))
    trace: dict[str, list[Found]] = defaultdict(list)
    for row in nodes.join(traced, on=own.columns, how="semi").iter_rows(named=True):
        trace[row["patient_id"]].append(row)
    rows: dict[str, dict[str, list[Found]]] = {}
    for name, table in tables.items():
        rows[name] = defaultdict(list)
        keys = [key for key in own.columns if key in table.columns]
        for row in table.join(own, on=keys, how="semi").iter_rows(named=True):
            rows[name][row["patient_id"]].append(row)
    return trace, rows


def find_answers(case: Case) -> dict[str, tuple[str | None, str | None]]:
    """Give, for each expected column, what was said and what must be."""
    answers = {}
    for column, cell in case.expected.items():
        rows, part = _find_rows(case, column)
        expected = None if cell in NOTHING else cell
        if expected and re.fullmatch(r"(-?\d+:\S+ ?)+", expected):
            keys = [word.partition(":")[0] for word in expected.split()]
            found: str | None = " ".join(
                f"{key}:{(_write(_pick(rows, case, int(key)), part) or '-').replace(' ', '+')}"
                for key in keys
            )
        else:
            found = _write(_pick(rows, case, None), part)
        answers[column] = (found, expected)
    return answers


def agree(found: str | None, expected: str | None) -> bool:
    """Say whether an answer is the expected one; numbers to the ninth place."""
    if found is None or expected is None:
        return found == expected
    try:
        return abs(float(found) - float(expected)) < TOLERANCE
    except ValueError:
        return found == expected


def _find_rows(case: Case, column: str) -> tuple[Sequence[Found], str]:
    """Find the rows a column speaks of, and the part of them that it names."""
    said = evaluate_all()[case.patient_id]
    definition = said.rulebook.definitions[case.definition_id]
    table = TABLE_OF_KIND[definition.kind]
    nodes = said.trace.get(case.patient_id, [])
    first, _, rest = column.partition(" ")
    if column == FINDINGS:
        return [{column: said.findings.get(case.patient_id, [])}], column
    if column in WRITTEN:
        written, write = WRITTEN[column]
        return [{column: write(said.tables[written].get(case.patient_id, []))}], column
    if first in said.columns and rest in said.columns[first]:
        return said.tables[first].get(case.patient_id, []), rest
    if rest in PARTS:
        return [row for row in nodes if row["node"] == first], rest
    if column in said.columns[table]:
        return said.tables[table].get(case.patient_id, []), column
    axes = {axis.name for axis in getattr(definition, "axes", ())}
    rows = [row for row in nodes if row["node"] == column]
    return rows, "label" if column in axes else "state"


def _pick(rows: Sequence[Found], case: Case, key: int | None) -> Found | None:
    """Pick one row: of a day (``key`` or the column ``on``), else of a regimen, else the last day.

    An undated row belongs to a regimen; without a key that is the first, or none where none is.
    """
    dated = [row for row in rows if row.get("date") is not None]
    on = case.given.get("on")
    if dated:
        day = key if key is not None else int(on) if on else None
        if day is None:
            return max(dated, key=lambda row: row["date"])
        return next((row for row in dated if day_of(row["date"]) == day), None)
    regimen = 1 if key is None else key
    of_regimen = [row for row in rows if row.get("regimen") == regimen]
    return next(iter([*of_regimen, *(row for row in rows if row.get("regimen") is None)]), None)


def _write(row: Found | None, part: str) -> str | None:
    """Write a found value as it stands in a drawn cell."""
    value = None if row is None else row[part]
    match value:
        case None | [] | "":
            return None
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.12g}"
        case date():
            return str(day_of(value))
        case list():
            return " ".join(str(item) for item in value)
        case _:
            return str(value)
