"""Whether improvement wears off before the next infusion, where a child's visits show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from heliotrope.definitions.measure import measures_of
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.timing.phases import CYCLE, derive_cycle_values
from heliotrope.report.language import _, ngettext
from heliotrope.report.review.figures import Line
from heliotrope.report.review.subject import Row, Subject
from heliotrope.report.show_measures import rank_measure
from heliotrope.report.words import say_number, say_unit, whole_sentence

JUDGED = ("met", "not_met")
LISTED_COURSES = 2
SHOWN_MEASURES = 3
PARTS = ("early", "trough")


def list_cycle(subject: Subject) -> Sequence[Line]:
    """Say in how many courses an improved visit was followed by one that was not, and an example.

    Only visits on the regimen that could be judged count, in courses with at least two of them.
    The example is the last course with a value soon after the infusion and one late in the cycle:
    the days of both parts are those of the phases of the estimates.
    """
    if subject.exposure is None:
        return []
    return [_say_visits(subject), *_say_last_cycle(subject)]


def find_worn_off(visits: pl.DataFrame) -> tuple[int, list[tuple[Row, Row]]]:
    """Count the courses with two judged visits; pair the improved visit and the one that was not.

    >>> import datetime as dt
    >>> rows = [(1, 3, "met"), (1, 27, "not_met"), (2, 5, "not_met"), (2, 20, "met"), (3, 9, "met")]
    >>> frame = pl.DataFrame(
    ...     [{"course": c, "day_of_course": d, "state": s, "date": dt.date(2020, c, d),
    ...       "is_on_regimen": True} for c, d, s in rows])
    >>> count, pairs = find_worn_off(frame)
    >>> count, [(a["day_of_course"], b["day_of_course"]) for a, b in pairs]
    (2, [(3, 27)])
    """
    judged = visits.filter(pl.col("is_on_regimen") & pl.col("state").is_in(JUDGED)).sort("date")
    courses = [
        rows.to_dicts()
        for rows in judged.drop_nulls("course").partition_by("course", maintain_order=True)
        if rows.height > 1
    ]
    pairs: list[tuple[Row, Row]] = []
    for rows in courses:
        improved = next((row for row in rows if row["state"] == "met"), None)
        after = [
            row
            for row in rows
            if improved is not None and row["state"] == "not_met" and row["date"] > improved["date"]
        ]
        if improved is not None and after:
            pairs.append((improved, after[-1]))
    return len(courses), pairs


def _say_visits(subject: Subject) -> Line:
    question = _("Wearing off before the next infusion")
    courses, pairs = find_worn_off(subject.rows("visit").sort("day_of_course"))
    if courses == 0:
        return Line(
            question,
            _("Cannot be seen in these records: no course has two visits that could be judged."),
        )
    said = ngettext(
        "In {n} of {total} course with two or more judged visits an improved visit was followed "
        "by one that was not improved.",
        "In {n} of {total} courses with two or more judged visits an improved visit was followed "
        "by one that was not improved.",
        courses,
    ).format(n=len(pairs), total=courses)
    examples = [
        _("course {course}: improved on day {early}, not improved on day {late}").format(
            course=early["course"], early=early["day_of_course"], late=late["day_of_course"]
        )
        for early, late in pairs[-LISTED_COURSES:]
    ]
    return Line(question, said, whole_sentence("; ".join(examples)))


def _say_last_cycle(subject: Subject) -> Iterable[Line]:
    tables = {name: subject.child.table(name) for name in ("course", "regimen")}
    cycles = derive_cycle_values(Inputs.of(tables, subject.child.records, subject.rulebook))
    values = cycles.values.filter(pl.col("regimen") == subject.regimen)
    both = (
        values.group_by(*CYCLE, "measure")
        .agg(pl.col("part").unique().alias("parts"))
        .filter(pl.col("parts").list.set_intersection(list(PARTS)).list.len() == len(PARTS))
    )
    if both.height == 0:
        return
    course = both["course"].max()
    measures = measures_of(subject.rulebook)
    shown = sorted(
        both.filter(pl.col("course") == course)["measure"],
        key=lambda name: rank_measure(measures[name]),
    )
    found: list[int] = []
    said = []
    for name in shown[:SHOWN_MEASURES]:
        rows = values.filter((pl.col("course") == course) & (pl.col("measure") == name))
        words, cells = _say_measure(subject, name, rows.sort("date"))
        said.append(words)
        found += cells
    yield Line(
        _("Last course seen early and late"),
        _("Course {course}: {values}.").format(course=course, values="; ".join(said)),
        "",
        subject.marks.mark(found),
    )


def _say_measure(subject: Subject, name: str, rows: pl.DataFrame) -> tuple[str, list[int]]:
    """Say the first early and the last late value as recorded, with their days of the cycle."""
    early = rows.filter(pl.col("part") == PARTS[0]).row(0, named=True)
    late = rows.filter(pl.col("part") == PARTS[1]).row(-1, named=True)
    recorded = {
        row["date"]: row
        for row in subject.derived.visit_values.filter(pl.col("measure") == name).to_dicts()
    }
    parts: list[str] = []
    cells: list[int] = []
    for row in (early, late):
        value = recorded[row["date"]]
        parts.append(
            _("{value} on day {day}").format(value=say_number(value["value"]), day=row["day"])
        )
        cells += value["item_row_ids"] or [value["row_id"]]
    measure = measures_of(subject.rulebook)[name]
    unit = say_unit(measure.unit)
    return f"{_(measure.title)} {parts[0]}, {parts[1]}{f' ({unit.strip()})' if unit else ''}", cells
