"""The IVIG received: courses, dose, interval, and whether it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from heliotrope.estimate.wording import median
from heliotrope.report.language import _, ngettext
from heliotrope.report.review.figures import Line
from heliotrope.report.review.subject import Row, Subject, cut
from heliotrope.report.words import say, say_number

LISTED_PRODUCTS = 3


def list_exposure(subject: Subject) -> Sequence[Line]:
    """List what was given in the regimen under review; a child without IVIG has one line."""
    exposure = subject.exposure
    if exposure is None:
        return [Line(_("IVIG"), _say_no_ivig(subject))]
    courses = subject.derived.courses.filter(pl.col("regimen") == subject.regimen).sort("course")
    return [
        _say_courses(subject, exposure),
        replace(_say_doses(courses), mark=_mark_doses(subject, courses)),
        _say_last_course(subject, courses),
        *_say_intervals(subject, courses),
        *_say_products(subject),
    ]


def say_other_regimens(subject: Subject) -> str:
    """Say the child's other regimens in a line; empty where there is only one."""
    if subject.regimen is None:
        return ""
    rows = subject.child.table("response").filter(pl.col("regimen") != subject.regimen)
    said = [
        _("{n}: {first} to {last}, {courses}; {response}").format(
            n=row["regimen"],
            first=row["first_infusion"],
            last=row["last_infusion"],
            courses=_count_courses(row["courses"]),
            response=_lower(say("responded", row["responded"])),
        )
        for row in rows.sort("regimen", descending=True).iter_rows(named=True)
    ]
    return "; ".join(said)


def _say_no_ivig(subject: Subject) -> str:
    days = subject.child.table("infusion_day").filter(pl.col("route") == "sc")
    if days.height == 0:
        return _("No intravenous immunoglobulin is recorded for this child.")
    return _(
        "No intravenous immunoglobulin is recorded for this child; subcutaneous on {n} days, "
        "{first} to {last}."
    ).format(n=days.height, first=days["date"].min(), last=days["date"].max())


def _say_courses(subject: Subject, exposure: Row) -> Line:
    status = say("status", exposure["status"])
    why = ""
    if exposure["status"] == "discontinued":
        why = f" ({say('stop_reason', exposure['reason'])})"
    days = subject.rows("infusion_day").height
    return Line(
        _("Received"),
        _("{courses}, {first} to {last}; {status}{why}").format(
            courses=_count_courses(exposure["courses"]),
            first=exposure["first_infusion"],
            last=exposure["last_infusion"],
            status=status,
            why=why,
        ),
        ngettext("{n} infusion day", "{n} infusion days", days).format(n=days),
        subject.marks.mark(exposure["row_ids"]),
    )


def _say_doses(courses: pl.DataFrame) -> Line:
    per_kg = courses["dose_g_per_kg"].drop_nulls()
    known = _("known in {n} of {total} courses").format(n=per_kg.len(), total=courses.height)
    if per_kg.len() == 0:
        grams = courses["dose_g"].drop_nulls()
        if grams.len() == 0:
            return Line(_("Dose of a course"), _("not recorded"))
        return Line(
            _("Dose of a course"),
            _("{grams} g, median (range); per kg unknown: no weight").format(grams=_median(grams)),
        )
    said = _("{dose} g/kg, median (range)").format(dose=_median(per_kg))
    return Line(_("Dose of a course"), said, "" if per_kg.len() == courses.height else known)


def _mark_doses(subject: Subject, courses: pl.DataFrame) -> str:
    """Mark the infusions and the weights in force that the doses of the courses were made of."""
    cells = [
        number
        for name in ("row_ids", "weight_row_ids")
        for numbers in courses[name].drop_nulls().to_list()
        for number in numbers
    ]
    return subject.marks.mark(cells)


def _say_last_course(subject: Subject, courses: pl.DataFrame) -> Line:
    row = courses.row(-1, named=True)
    parts = []
    if row["dose_g"] is not None:
        parts.append(f"{say_number(row['dose_g'])} g")
    if row["dose_g_per_kg"] is not None:
        parts.append(f"{say_number(round(row['dose_g_per_kg'], 2))} g/kg")
    if row["weight_kg"] is not None:
        parts.append(_("weight {kg} kg").format(kg=say_number(round(row["weight_kg"], 1))))
    days = row["infusion_days"]
    parts.append(ngettext("{n} day", "{n} days", days).format(n=days))
    return Line(
        _("Last course"),
        _("{date}: {what}").format(date=row["start_date"], what=", ".join(parts)),
        mark=subject.marks.mark([*row["row_ids"], *(row["weight_row_ids"] or [])]),
    )


def _say_intervals(subject: Subject, courses: pl.DataFrame) -> Iterable[Line]:
    days = courses["interval_days"].drop_nulls()
    if days.len() == 0:
        yield Line(_("Interval"), _("one course only"))
        return
    yield Line(
        _("Interval"),
        _("{days} days from course to course, median (range)").format(days=_median(days)),
        mark=subject.marks.mark(subject.exposure["row_ids"] if subject.exposure else ()),
    )


def _say_products(subject: Subject) -> Iterable[Line]:
    days = subject.rows("infusion_day")
    products = sorted(days["product"].drop_nulls().unique().to_list())
    if products:
        more = len(products) - LISTED_PRODUCTS
        said = ", ".join(cut(product, 60) for product in products[:LISTED_PRODUCTS])
        yield Line(
            _("Product"), said + (" " + _("and {n} more").format(n=more) if more > 0 else "")
        )


def _median(values: pl.Series) -> str:
    numbers = [float(value) for value in values.to_list()]
    middle = float(pl.Series(numbers).median() or 0.0)  # type: ignore[arg-type]
    return median(middle, min(numbers), max(numbers))


def _count_courses(courses: int) -> str:
    return ngettext("{n} course", "{n} courses", courses).format(n=courses)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
