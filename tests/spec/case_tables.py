"""What a run derives and keeps in no table of its own, for the chapters that ask for it.

The weight or height in force on a day, the totals of forms, the findings of a child; and tables of
periods written into one cell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
from tests.spec.case_files import Case
from tests.spec.drawn_records import day_of, on_day

from heliotrope.definitions.drug_text import DrugText, find_drug, make_drug_names
from heliotrope.definitions.exposure import MeasureInForce
from heliotrope.definitions.load import Rulebook
from heliotrope.derive.derived import Derived
from heliotrope.derive.item_scores import derive_item_scores
from heliotrope.derive.weights import derive_heights, derive_weights
from heliotrope.records.shard import Shard

Found = dict[str, Any]

CHILD = ["patient_id", "definition_id"]
IN_FORCE = {
    "weight": (derive_weights, "weight_kg"),
    "height": (derive_heights, "height_cm"),
}


def derive_more(
    derived: Derived, rulebook: Rulebook, cases: Sequence[Case]
) -> dict[str, pl.DataFrame]:
    """Derive the tables of this module for the children of some cases.

    ``in_force``: the value, its age in days, the rule that gave it and the days it stands on, on
    the day of the column ``on``. ``form``: what the items make, what becomes of it, and the value
    that counts in the end. ``drug_text``: what is found in the
    case's own text.
    """
    return {
        "in_force": pl.concat(
            _find_in_force(item, derived.shard, rulebook, cases)
            for item in rulebook.of_kind(MeasureInForce)
        ),
        "form": _score_forms(derived, rulebook),
        "drug_text": _find_drugs(rulebook, cases),
    }


def _find_in_force(
    rule: MeasureInForce, shard: Shard, rulebook: Rulebook, cases: Sequence[Case]
) -> pl.DataFrame:
    asked = [case for case in cases if case.definition_id == rule.id and "on" in case.given]
    rows = pl.DataFrame(
        {
            "patient_id": [case.patient_id for case in asked],
            "date": [on_day(int(case.given["on"])) for case in asked],
        },
        schema={"patient_id": pl.String, "date": pl.Date},
    )
    derive, value = IN_FORCE[rule.measure]
    found = derive(rows, shard.assessment, rulebook)
    days = {row_id: day_of(date) for row_id, date in shard.assessment["row_id", "date"].iter_rows()}
    return found.select(
        "patient_id",
        "date",
        definition_id=pl.lit(rule.id),
        value=pl.col(value),
        age_days=pl.col(f"{rule.measure}_age_days"),
        rule=pl.col(f"{rule.measure}_rule"),
        stands_on=pl.col(f"{rule.measure}_row_ids").list.eval(
            pl.element().replace_strict(days, return_dtype=pl.Int64)
        ),
    )


def _find_drugs(rulebook: Rulebook, cases: Sequence[Case]) -> pl.DataFrame:
    names = make_drug_names(rulebook)
    (definition,) = rulebook.of_kind(DrugText)
    matches = [
        (case.patient_id, find_drug(case.title, names))
        for case in cases
        if case.definition_id == definition.id
    ]
    rows = [
        (child, definition.id, match.drug, match.words, match.route, match.refused, match.because)
        for child, match in matches
        if match is not None
    ]
    columns = (*CHILD, "drug", "words", "route", "refused", "because")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _score_forms(derived: Derived, rulebook: Rulebook) -> pl.DataFrame:
    counting = derived.visit_values.select("patient_id", "date", "measure", counts="value")
    return (
        derive_item_scores(derived.shard.assessment, rulebook)
        .join(counting, on=["patient_id", "date", "measure"], how="left")
        .with_columns(pl.col("missing").list.sort())
        .rename({"form": "definition_id", "value": "makes"})
    )


def find_findings(findings: pl.DataFrame, shard: Shard) -> dict[str, list[str]]:
    """List the rules that found something in the rows of each child, each once, by name."""
    owners = pl.concat(
        table.select("row_id", "patient_id", table=pl.lit(name))
        for name, table in shard.tables().items()
    )
    found: dict[str, set[str]] = defaultdict(set)
    for child, rule in (
        findings.join(owners, on=["table", "row_id"]).select("patient_id", "rule").iter_rows()
    ):
        found[child].add(rule)
    return {child: sorted(rules) for child, rules in found.items()}


def write_regimens(days: Sequence[Found]) -> str:
    """Write infusion days as courses parted by ``/`` and regimens parted by ``;``."""
    regimens: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in days:
        if row["course"] is not None:
            regimens[row["regimen"]][row["course"]].append(str(day_of(row["date"])))
    return ";".join(
        "/".join("+".join(course) for course in item.values()) for item in regimens.values()
    )


def write_spans(rows: Sequence[Found], *parts: str) -> str:
    """Write periods as ``first..last:what``, parted by blanks; ``?`` is not known."""
    return " ".join(
        f"{day_of(row['start_date'])}..{'' if row['end_date'] is None else day_of(row['end_date'])}"
        f":{'/'.join(_write(row[part]) for part in parts)}"
        for row in rows
    )


def _write(value: Any) -> str:
    if value is None:
        return "?"
    return f"{round(value, 3):g}" if isinstance(value, float) else str(value)


WRITTEN: Mapping[str, tuple[str, Callable[[Sequence[Found]], str]]] = {
    "courses / regimens": ("infusion_day", write_regimens),
    "prednisone mg/day": (
        "steroid_period",
        lambda rows: write_spans(rows, "prednisone_mg_day"),
    ),
    "prednisone mg/kg/day": (
        "steroid_period",
        lambda rows: write_spans(rows, "prednisone_mg_kg_day"),
    ),
    "bands": ("steroid_period", lambda rows: write_spans(rows, "band")),
    "why unknown": (
        "steroid_period",
        lambda rows: write_spans([row for row in rows if row["reason"]], "reason"),
    ),
    "pulses: days/mg": (
        "steroid_pulse",
        lambda rows: write_spans(rows, "days", "total_mg"),
    ),
    "other drugs mg/day": (
        "drug_period",
        lambda rows: write_spans(rows, "drug", "dose_mg_day"),
    ),
}
