"""What to record next time, so that a child who cannot be evaluated could be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from heliotrope.report.language import _
from heliotrope.report.read_child import Child
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.words import find_advice, say


@dataclass(frozen=True)
class Advice:
    """What a child lacks for an answer, and what to record."""

    patient_id: str
    question: str
    reason: str
    advice: str


def build_what_to_record(report: ReportInput) -> Section:
    """List for every child with a page what would make it evaluable."""
    lines = [line for child in report.children for line in list_advice(child)]
    content = {
        "lines": lines,
        "children": len(report.treated),
        "hint": say("hint", "visit_schedule"),
        "hidden": len(report.treated) - len(report.shown),
        "reasons": [
            (
                say("response_reason", variable.partition(":")[2]),
                report.results.count("not_evaluable", variable),
            )
            for variable in report.results.variables("not_evaluable")
            if ":" in variable
        ],
    }
    return Section("record", _("What to record"), "what_to_record.html.j2", content)


def list_advice(child: Child) -> Sequence[Advice]:
    """List what cannot be evaluated of a child, why, and what to record."""
    lines: list[Advice] = []
    for row in child.table("response").sort("regimen").iter_rows(named=True):
        lines += _advise_on_response(child, row)
    for row in child.table("aggravation").sort("regimen").iter_rows(named=True):
        if row["state"] == "not_evaluable":
            reason = row["reason"] or "not_seen_long_enough"
            lines.append(_advice(child, _("Worse after stopping?"), reason))
    missing = child.table("course").filter(pl.col("dose_g_per_kg").is_null())
    if missing.height:
        lines.append(_advice(child, _("Dose of IVIG per kilogram?"), "dose_grams_only"))
    return list({(line.question, line.advice): line for line in lines}.values())


def _advise_on_response(child: Child, row: Mapping[str, Any]) -> list[Advice]:
    lines = []
    if row["pattern"] == "not_evaluable":
        lines.append(_advice(child, _("Improved?"), row["reason"]))
    elif row["responded"] == "not_evaluable":
        lines.append(_advice(child, _("Improved?"), row["reason"] or "no_visit"))
    elif row["responded"] == "unconfirmed":
        lines.append(_advice(child, _("Confirmed?"), "unconfirmed"))
    if row["onset"] == "ambiguous":
        lines.append(_advice(child, _("How fast?"), "visits_too_sparse"))
    if row["steroid_effect"] == "not_evaluable":
        reason = "baseline_low" if "baseline_low" in row["flags"] else _lacking_dose(child)
        lines.append(_advice(child, _("Steroid dose?"), reason))
    if row["durability"] == "censored" and "lost_before_stop" not in row["flags"]:
        lines.append(_advice(child, _("Held or lost?"), "not_seen_long_enough"))
    return lines


def _lacking_dose(child: Child) -> str:
    periods = child.table("steroid_period")
    if periods.height == 0:
        return "no_medication_record"
    return (
        "weight_missing" if periods["prednisone_mg_kg_day"].null_count() else "no_medication_record"
    )


def _advice(child: Child, question: str, reason: str | None) -> Advice:
    return Advice(
        patient_id=child.patient_id,
        question=question,
        reason=say("response_reason", reason),
        advice=find_advice(reason),
    )
