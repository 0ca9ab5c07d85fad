"""Lay out observations, their components and the answers of questionnaires as assessments."""

from __future__ import annotations

import polars as pl

from heliotrope.ingest.fhir.laid import Laid, Plan, find_broken, stage, without
from heliotrope.ingest.fhir.stage_people import day_of
from heliotrope.ingest.problems import make_problems
from heliotrope.ingest.staged import Staged

RANGE_UNIT = "range_unit_differs"
BOTH_SAID = "value_and_absent_reason"
INTERPRETED = "interpretation_differs"

_NORMAL = "N"


def stage_observations(laid: Laid) -> list[Staged]:
    """Lay out the value of each observation, and each of its components that is a measure."""
    broken = find_broken(laid)
    rows = without(laid.rows, broken)
    staged = [_stage_value(laid, rows.filter(pl.col("measure").is_not_null()), "", broken)]
    subjects = rows.select("record", "patient_id", "effective[x]", "performer[0].display")
    parts = laid.parts.filter(pl.col("measure").is_not_null())
    for index in laid.list_parts():
        part = parts.filter(pl.col("index") == index)
        here = subjects.join(part, on="record", how="inner", maintain_order="left")
        if here.height:
            staged.append(_stage_value(laid, here, laid.layout.part_name(index, ""), None))
    return staged


def _stage_value(
    laid: Laid, rows: pl.DataFrame, prefix: str, broken: pl.DataFrame | None
) -> Staged:
    def named(element: str) -> str:
        return prefix + element

    unit, range_unit = pl.col("value[x].unit"), pl.col("referenceRange[0].unit")
    is_other = range_unit.is_not_null() & unit.is_not_null() & (range_unit != unit)
    low, high = pl.col("referenceRange[0].low"), pl.col("referenceRange[0].high")
    said = pl.format("range in {}, value in {}", range_unit, unit)
    contradicted = rows.filter(pl.col("dataAbsentReason").is_not_null())
    value = pl.col("value[x]").cast(pl.Float64, strict=False)
    is_normal = (pl.col("interpretation") == _NORMAL) & ~is_other
    is_outside = (value > high.cast(pl.Float64, strict=False)) | (
        value < low.cast(pl.Float64, strict=False)
    )
    odd = rows.filter(is_normal & is_outside)
    limits = pl.format("{} to {}", low.fill_null("any"), high.fill_null("any"))
    problems = [
        make_problems(
            rows.filter(is_other), RANGE_UNIT, column=laid.number(named("referenceRange[0].high")),
            found=said,
        ),
        make_problems(
            contradicted, BOTH_SAID, column=laid.number(named("dataAbsentReason")),
            found=pl.format("{} and '{}'", "value[x]", "dataAbsentReason"),
        ),
        make_problems(
            odd, INTERPRETED, column=laid.number(named("interpretation")),
            found=pl.format("{} said to be normal, limits {}", "value[x]", limits),
        ),
    ]  # fmt: skip
    if broken is not None:
        problems.append(broken)
    ready = rows.with_columns(
        date=day_of("effective[x]"),
        value=pl.col("value[x]"),
        unit=unit,
        lower_limit=pl.when(~is_other).then(low),
        upper_limit=pl.when(~is_other).then(high),
        assessor=pl.col("performer[0].display"),
    )
    columns = {
        "patient_id": "subject.reference",
        "date": "effective[x]",
        "assessor": "performer[0].display",
        "measure": named("code"),
        "value": named("value[x]"),
        "unit": named("value[x].unit"),
        "lower_limit": named("referenceRange[0].low"),
        "upper_limit": named("referenceRange[0].high"),
    }
    also = ("status", *(named(item) for item in ("interpretation", "referenceRange[0].unit",
            "dataAbsentReason")))  # fmt: skip
    return stage(laid, Plan("assessment", ready, columns, also, problems=tuple(problems)))


def stage_responses(laid: Laid) -> list[Staged]:
    """Lay out each question that is a measure."""
    broken = find_broken(laid)
    rows = without(laid.rows, broken)
    subjects = rows.select("record", "patient_id", "authored", "author.display")
    staged = []
    for number, index in enumerate(laid.list_parts()):
        part = laid.parts.filter(pl.col("index") == index)
        here = subjects.join(part, on="record", how="inner", maintain_order="left")
        ready = here.with_columns(
            date=day_of("authored"),
            value=pl.col("answer[0].value[x]"),
            unit=pl.col("answer[0].value[x].unit"),
            assessor=pl.col("author.display"),
        )
        columns = {
            "patient_id": "subject.reference",
            "date": "authored",
            "assessor": "author.display",
            "measure": laid.layout.part_name(index, "linkId"),
            "value": laid.layout.part_name(index, "answer[0].value[x]"),
            "unit": laid.layout.part_name(index, "answer[0].value[x].unit"),
        }
        problems = (broken,) if number == 0 else ()
        staged.append(
            stage(laid, Plan("assessment", ready, columns, ("status",), problems=problems))
        )
    return staged
