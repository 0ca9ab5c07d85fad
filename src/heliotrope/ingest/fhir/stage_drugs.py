"""Lay out drugs: infusions of immunoglobulin, periods of the other drugs, reasons and stops."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.delivery import Joined, RowsOf
from heliotrope.ingest.fhir.dosage import NO_DOSAGE, add_daily_doses, add_single_doses
from heliotrope.ingest.fhir.laid import Laid, Plan, find_broken, stage, without
from heliotrope.ingest.fhir.stage_people import day_of
from heliotrope.ingest.fhir.words import IMMUNOGLOBULIN
from heliotrope.ingest.problems import make_problems
from heliotrope.ingest.staged import Staged

ADDED_UP = "administrations_added"
ONLY_ORDERED = "immunoglobulin_only_ordered"
ONLY_STATED = "immunoglobulin_only_stated"
GIVEN_TWICE_RECORDED = "infusion_recorded_twice"

_IS_IMMUNOGLOBULIN = (pl.col("drug") == IMMUNOGLOBULIN).fill_null(False)

_DURATION = r"^(\d+) (d|day|days|wk|week|weeks)$"
_DAYS = {"d": 1, "day": 1, "days": 1, "wk": 7, "week": 7, "weeks": 7}

_PART = {
    "route": "route",
    "dose_text": "doseAndRate[0].dose[x]",
    "unit_text": "doseAndRate[0].dose[x].unit",
    "timing": "timing",
    "as_needed": "asNeeded[x]",
    "bound": "timing.repeat.bounds[x]",
    "bound_end": "timing.repeat.bounds[x].end",
}


@dataclass(frozen=True)
class DrugsLaid:
    """What was laid out of drugs, and what was read into or left out of it."""

    staged: tuple[Staged, ...]
    joined: tuple[Joined, ...] = ()
    left_out: tuple[RowsOf, ...] = ()


def stage_administrations(laid: Laid) -> DrugsLaid:
    """Lay out what was given: immunoglobulin as infusions, another drug as periods of a day.

    Rule: what was given to a child on one day by one route in one unit is added up, since each
    bottle or tablet is an administration of its own.
    """
    broken = find_broken(laid)
    rows = without(laid.rows, broken).with_columns(
        dose_text=pl.col("dosage.dose"), unit_text=pl.col("dosage.dose.unit")
    )
    rows = add_single_doses(rows).with_columns(
        route=pl.coalesce("route", "drug_route"), day=day_of("effective[x]")
    )
    kept, added = _add_up(rows)
    columns = {"patient_id": "subject.reference", "dose": "dosage.dose",
               "dose_unit": "dosage.dose.unit", "route": "dosage.route"}  # fmt: skip
    dose = laid.number("dosage.dose")
    problems = (broken, _find_in_doses(kept, dose), _find_added(kept, dose))
    also = ("status", "effective[x].end")
    infusions = kept.filter(_IS_IMMUNOGLOBULIN).with_columns(
        date=pl.col("effective[x]"), product=pl.col("name"), rate=pl.col("dosage.rate[x]"),
        premedication=pl.col("extension.premedication"),
    )  # fmt: skip
    others = kept.filter(~_IS_IMMUNOGLOBULIN).with_columns(
        drug=pl.col("drug_text"), start_date=pl.col("day"), end_date=pl.col("day"),
        ongoing=pl.lit("no"),
    )  # fmt: skip
    given = {"date": "effective[x]", "product": "medication[x]", "rate": "dosage.rate[x]",
             "premedication": "extension.premedication"}  # fmt: skip
    period = {"drug": "medication[x]", "start_date": "effective[x]", "end_date": "effective[x]"}
    staged = (
        stage(laid, Plan("infusion", infusions, columns | given, also, problems=_split(
            problems, infusions, broken))),
        stage(laid, Plan("medication", others, columns | period, also, problems=_split(
            problems[1:], others))),
    )  # fmt: skip
    read = frozenset(
        laid.number(name) for name in ("medication[x]", "effective[x]", *columns.values())
    )
    return DrugsLaid(staged, (Joined(laid.source(), added.select("record"), read),))


def _split(
    problems: tuple[pl.DataFrame, ...], rows: pl.DataFrame, always: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, ...]:
    """Keep the problems of some rows; ``always`` those whose rows are refused."""
    here = tuple(item.join(rows, on="record", how="semi") for item in problems)
    return here if always is None else (always, *here)


def _add_up(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add up the doses of one day; the first row stands for all. Returns it and the others."""
    key = ["patient_id", "drug_text", "route", "day", "dose_unit"]
    number = pl.col("dose").cast(pl.Decimal(38, 9), strict=False)
    is_whole = number.is_not_null().all() & (pl.len() > 1) & pl.col("day").is_not_null().all()
    total = number.sum().cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
    marked = rows.with_columns(
        count=pl.len().over(key),
        place=pl.int_range(pl.len()).over(key),
        is_whole=is_whole.over(key),
        total=total.over(key),
    )
    is_added = pl.col("is_whole") & (pl.col("place") > 0)
    kept = marked.filter(~is_added).with_columns(
        dose=pl.when("is_whole").then("total").otherwise("dose")
    )
    return kept, marked.filter(is_added)


def _find_added(kept: pl.DataFrame, column: int) -> pl.DataFrame:
    said = pl.format("{} administrations on {}: {} {}", "count", "day", "dose",
                     pl.col("dose_unit").fill_null(""))  # fmt: skip
    return make_problems(kept.filter("is_whole"), ADDED_UP, column=column, found=said)


def _find_in_doses(rows: pl.DataFrame, column: int) -> pl.DataFrame:
    """Say how a dose was worked out, or why there is none."""
    said = pl.concat_str(
        [pl.col("name"), pl.col("dose_text"), pl.col("unit_text"),
         *([pl.col("timing")] if "timing" in rows.columns else [])],
        separator=", ", ignore_nulls=True,
    )  # fmt: skip
    is_said = pl.col("dose_rule").is_not_null()
    if "drug" in rows.columns and "timing" not in rows.columns:
        is_said &= ~((pl.col("dose_rule") == NO_DOSAGE) & _IS_IMMUNOGLOBULIN)
    return make_problems(rows.filter(is_said), pl.col("dose_rule"), column=column, found=said)


@dataclass(frozen=True)
class Periods:
    """How a resource type says how long a drug was taken."""

    start: str
    end: str | None
    supply: str | None


STATED = Periods("effective[x]", "effective[x].end", None)
ORDERED = Periods("authoredOn", None, "dispenseRequest.expectedSupplyDuration")


def stage_periods(laid: Laid, periods: Periods, *, tablets: bool) -> list[Staged]:
    """Lay out the periods of drugs as stated or ordered, one a dosage."""
    broken = find_broken(laid)
    rows = without(laid.rows, broken).filter(~_IS_IMMUNOGLOBULIN)
    parts = laid.parts.join(rows, on="record", how="semi")
    bare = rows.join(parts, on="record", how="anti")
    staged = [_stage_bare(laid, bare, periods, broken)]
    repeated = parts.select("record", bounds=pl.struct("timing.repeat.bounds[x]",
                            "timing.repeat.bounds[x].end"))  # fmt: skip
    together = repeated.group_by("record").agg(
        several=(pl.len() > 1) & (pl.col("bounds").n_unique() < pl.len())
    )
    for index in laid.list_parts():
        part = parts.filter(pl.col("index") == index).rename(
            {theirs: ours for ours, theirs in _PART.items() if ours != theirs}
        )
        here = rows.join(part, on="record", how="inner", maintain_order="left")
        here = here.join(together, on="record", how="left", maintain_order="left")
        if here.height:
            staged.append(_stage_dosage(laid, here, periods, index, tablets))
    return staged


def _period(periods: Periods) -> dict[str, pl.Expr]:
    """Return the columns of a period that do not depend on the dosage."""
    start = day_of(periods.start)
    end = day_of(periods.end) if periods.end else pl.lit(None, pl.String)
    if periods.supply:
        end = pl.coalesce(end, _end_after(start, pl.col(periods.supply)))
    return {"drug": pl.col("drug_text"), "start_date": start, "end_date": end,
            "stop_reason": pl.col("statusReason")}  # fmt: skip


def _end_after(start: pl.Expr, duration: pl.Expr) -> pl.Expr:
    """Return the last day of a duration that begins on a day; null where either is not whole."""
    groups = duration.str.extract_groups(_DURATION)
    days = groups.struct[0].cast(pl.Int64, strict=False) * groups.struct[1].replace_strict(
        _DAYS, default=None, return_dtype=pl.Int64
    )
    last = start.str.to_date("%Y-%m-%d", strict=False) + pl.duration(days=days - 1)
    return last.dt.to_string("%Y-%m-%d")


def _say_ongoing() -> pl.Expr:
    is_ongoing = (pl.col("status") == "active") & pl.col("end_date").is_null()
    return pl.when(is_ongoing.fill_null(False)).then(pl.lit("yes")).otherwise(pl.lit("no"))


def _columns(periods: Periods) -> dict[str, str]:
    columns = {"patient_id": "subject.reference", "drug": "medication[x]",
               "start_date": periods.start, "stop_reason": "statusReason",
               "ongoing": "status"}  # fmt: skip
    end = periods.end or periods.supply
    return columns | ({"end_date": end} if end else {})


def _stage_bare(laid: Laid, rows: pl.DataFrame, periods: Periods, broken: pl.DataFrame) -> Staged:
    """Lay out drugs without a dosage: the period, no dose."""
    ready = rows.with_columns(route=pl.col("drug_route"), **_period(periods)).with_columns(
        ongoing=_say_ongoing()
    )
    missing = make_problems(
        ready, NO_DOSAGE, column=laid.number("medication[x]"), found=pl.col("name")
    )
    also = ("intent",) if "intent" in laid.layout.header else ()
    plan = Plan("medication", ready, _columns(periods), also, problems=(broken, missing))
    return stage(laid, plan)


def _stage_dosage(
    laid: Laid, rows: pl.DataFrame, periods: Periods, index: str, tablets: bool
) -> Staged:
    bound, bound_end = pl.col("bound"), pl.col("bound_end")
    is_date = bound.str.contains(r"^\d{4}(-|$)").fill_null(False)
    period = _period(periods)
    start = pl.coalesce(pl.when(is_date).then(bound.str.slice(0, 10)), period["start_date"])
    lasting = _end_after(start, pl.when(~is_date).then(bound))
    rows = rows.with_columns(
        **period
        | {
            "start_date": start,
            "end_date": pl.coalesce(bound_end.str.slice(0, 10), lasting, period["end_date"]),
        },
        route=pl.coalesce("route_found", "drug_route"),
        # several dosages of one time cannot be told from one another: none is made up
        timing=pl.when(pl.col("several").fill_null(False))
        .then(pl.lit("one of several dosages"))
        .otherwise("timing"),
    ).with_columns(ongoing=_say_ongoing())
    ready = add_daily_doses(rows, tablets)
    theirs = {ours: laid.layout.part_name(index, name) for ours, name in _PART.items()}
    columns = _columns(periods) | {
        "dose": theirs["dose_text"], "dose_unit": theirs["unit_text"],
        "every_n_days": theirs["timing"], "route": theirs["route"],
    }  # fmt: skip
    also = [theirs["as_needed"], theirs["bound"], theirs["bound_end"]]
    also += ["intent"] if "intent" in laid.layout.header else []
    problems = _find_in_doses(ready, laid.number(theirs["dose_text"]))
    return stage(laid, Plan("medication", ready, columns, tuple(also), problems=(problems,)))


def stage_immunoglobulin_orders(laid: Laid) -> tuple[Staged, RowsOf]:
    """Lay out why immunoglobulin was ordered; an order is never an infusion."""
    rows = without(laid.rows, find_broken(laid)).filter(_IS_IMMUNOGLOBULIN)
    reasons = rows.filter(pl.col("reasonCode").is_not_null()).with_columns(
        date=day_of("authoredOn"), reason=pl.col("reasonCode")
    )
    columns = {"patient_id": "subject.reference", "date": "authoredOn", "reason": "reasonCode"}
    staged = stage(laid, Plan("indication", reasons, columns, ("intent", "medication[x]")))
    rest = rows.join(reasons, on="record", how="anti")
    return staged, RowsOf(laid.source(), rest.select("record", rule=pl.lit(ONLY_ORDERED)))


def stage_immunoglobulin_stops(laid: Laid) -> tuple[Staged, RowsOf]:
    """Lay out that immunoglobulin was stopped and why; a statement is never an infusion."""
    rows = without(laid.rows, find_broken(laid)).filter(_IS_IMMUNOGLOBULIN)
    is_stop = (pl.col("status") == "stopped") & pl.col("effective[x].end").is_not_null()
    stops = rows.filter(is_stop.fill_null(False)).with_columns(
        kind=pl.lit("ivig_stopped"), date=day_of("effective[x].end"), term=pl.col("statusReason")
    )
    columns = {"patient_id": "subject.reference", "date": "effective[x].end",
               "term": "statusReason"}  # fmt: skip
    staged = stage(laid, Plan("event", stops, columns, ("status", "medication[x]")))
    rest = rows.join(stops, on="record", how="anti")
    return staged, RowsOf(laid.source(), rest.select("record", rule=pl.lit(ONLY_STATED)))


def stage_procedures(laid: Laid, given: pl.DataFrame) -> tuple[Staged, RowsOf]:
    """Lay out infusions recorded as procedures, of unknown dose.

    ``given``: child and day of the infusions recorded as administrations; a procedure of such a
    day says no more.
    """
    broken = find_broken(laid)
    rows = without(laid.rows, broken).with_columns(day=day_of("performed[x]"))
    twice = rows.join(given, on=["patient_id", "day"], how="semi")
    once = rows.join(twice, on="record", how="anti").with_columns(
        date=pl.col("performed[x]"), product=pl.col("name")
    )
    columns = {"patient_id": "subject.reference", "date": "performed[x]", "product": "code"}
    plan = Plan("infusion", once, columns, ("status",), value="code", problems=(broken,))
    rest = twice.select("record", rule=pl.lit(GIVEN_TWICE_RECORDED))
    return stage(laid, plan), RowsOf(laid.source(), rest)
