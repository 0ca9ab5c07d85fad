"""The table of a case series: a row a child."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from heliotrope.estimate.wording import median
from heliotrope.report.exports.word.pieces import WordTable
from heliotrope.report.language import _
from heliotrope.report.read_child import Child
from heliotrope.report.section import ReportInput
from heliotrope.report.words import say, say_flag

MOST_CHILDREN = 50


def make_children_table(report: ReportInput) -> WordTable:
    """Make a row for each treated child and its first regimen, by pseudonym.

    A cohort of more than 50 children has no such table: the results per child are exported apart.
    """
    header = [
        _("Child"),
        _("Sex, age at first infusion"),
        _("Indication recorded"),
        _("Courses; dose, g/kg"),
        _("Response"),
        _("First improved"),
        _("Steroid dose during IVIG"),
        _("After stopping"),
        _("Reactions"),
    ]
    children = report.children if len(report.treated) <= MOST_CHILDREN else []
    return WordTable(
        title=_("Each child's treatment and response, first regimen"),
        header=header,
        rows=[_make_row(report, child) for child in children],
        note=_(
            "Dose: median (range) of the courses. Improvement was judged while receiving IVIG and "
            "without a comparator."
        ),
        is_wide=True,
    )


def _make_row(report: ReportInput, child: Child) -> Sequence[str]:
    response = child.table("response").sort("regimen").row(0, named=True)
    regimen = response["regimen"]
    return [
        child.patient_id,
        _say_person(report, child),
        _say_indication(child, regimen),
        _say_dose(child, response),
        _say_response(response),
        _("day {day}").format(day=response["onset_by_day"])
        if response["onset_by_day"] is not None
        else "–",
        say("steroid_effect", response["steroid_effect"]),
        _say_after(child, regimen),
        _say_reactions(child, regimen),
    ]


def _say_person(report: ReportInput, child: Child) -> str:
    rows = child.record("patient").tail(1).to_dicts()
    if not rows:
        return _("not recorded")
    row = rows[0]
    parts = [row["sex"]] if row["sex"] else []
    if row["birth_date"]:
        years = (child.origin - row["birth_date"]).days / report.calendar.days_per_year
        parts.append(_("{n} years").format(n=f"{years:.1f}"))
    return ", ".join(parts) or _("not recorded")


def _say_indication(child: Child, regimen: int) -> str:
    rows = child.table("indication").filter(regimen=regimen).to_dicts()
    reasons = rows[0]["recorded"] if rows else []
    return "; ".join(say("indication", reason) for reason in reasons) or _("not recorded")


def _say_dose(child: Child, response: dict[str, Any]) -> str:
    doses = child.table("course").filter(regimen=response["regimen"])["dose_g_per_kg"].drop_nulls()
    if doses.len() == 0:
        return _("{n}; dose per kg unknown").format(n=response["courses"])
    middle = float(doses.median() or 0.0)  # type: ignore[arg-type]
    low, high = doses.to_list()[doses.arg_min() or 0], doses.to_list()[doses.arg_max() or 0]
    return f"{response['courses']}; {median(middle, low, high)}"


def _say_response(response: dict[str, Any]) -> str:
    if response["responded"] == "no":
        return _("Improvement not shown in these records")
    said = say("pattern", response["pattern"])
    if response["pattern"] == "not_evaluable":
        return f"{said}: {say('response_reason', response['reason'])}"
    if response["responded"] == "unconfirmed":
        said += "; " + _("not confirmed")
    if response["confounded"]:
        names = ", ".join(say_flag(name) for name in response["confounded_by"])
        said += "; " + _("confounded by {names}").format(names=names)
    return said


def _say_after(child: Child, regimen: int) -> str:
    rows = child.table("aggravation").filter(regimen=regimen).to_dicts()
    if not rows:
        return "–"
    row = rows[0]
    said = say("aggravation", row["state"])
    if row["state"] == "met" and row["days_after_last_infusion"] is not None:
        return f"{said}, " + _("day {day}").format(day=row["days_after_last_infusion"])
    return said if row["reason"] is None else f"{said}: {say('response_reason', row['reason'])}"


def _say_reactions(child: Child, regimen: int) -> str:
    rows = child.table("reaction").filter(
        (pl.col("regimen") == regimen) & (pl.col("window") != "outside")
    )
    counts = rows.group_by("term").len().sort("term").rows()
    said = "; ".join(f"{say_flag(term)} ({n})" for term, n in counts)
    infusions = child.table("infusion_day").filter(regimen=regimen).height
    return said or _("none recorded in {n} infusion days").format(n=infusions)
