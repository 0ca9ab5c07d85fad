"""Whatever the child: the review advises nothing, and its numbers are those of the run."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.records.results import SORT_KEYS
from heliotrope.report.explain import open_run
from heliotrope.report.review.cycle import find_worn_off
from heliotrope.report.review.measures import find_best
from heliotrope.report.review.page import render_review
from heliotrope.report.review.source_marks import _say_rows
from heliotrope.report.review.subject import Subject, open_subject
from heliotrope.report.section import ReportInput
from heliotrope.report.words import RESEARCH_ONLY
from heliotrope.run.verification import read_rulebook_of

ADVICE = re.compile(
    r"\b(should|ought|must|recommend\w*|advis\w*|advice|consider\w*|suggest\w*|safe|safely|"
    r"continue|discontinue|benefit\w*|because of IVIG|responded to)\b",
    re.IGNORECASE,
)
MEASURES = measures_of(read_rulebook())
DERIVED = {
    "course": "courses",
    "regimen": "regimens",
    "infusion_day": "infusion_days",
    "steroid_period": "steroid_periods",
    "steroid_pulse": "steroid_pulses",
    "drug_period": "drug_periods",
}


@pytest.fixture(scope="module")
def subjects(modern_run: Path) -> list[Subject]:
    """Every child of the modern cohort, treated or not."""
    tables = open_run(modern_run)
    report = ReportInput(tables, read_rulebook_of(tables.manifest))
    return [open_subject(report, name) for name in tables.traced_children()]


def test_no_page_advises_or_claims(subjects: list[Subject]) -> None:
    for subject in subjects:
        html = render_review(subject)
        text = re.sub(r"<[^>]+>", " ", html[html.index("<body>") :]).replace(RESEARCH_ONLY, "")
        assert not ADVICE.search(text), ADVICE.search(text)
        assert not re.search(r"\b(NaN|nan|None|null)\b", text)
        assert "is a clinical decision" in text


def test_what_is_derived_again_is_what_the_run_wrote(subjects: list[Subject]) -> None:
    for subject in subjects:
        for table, name in DERIVED.items():
            written = subject.child.table(table)
            made = getattr(subject.derived, name).select(written.columns)
            key = SORT_KEYS[table]
            assert_frame_equal(made.sort(key), written.sort(key), check_row_order=True)


def test_every_baseline_is_the_one_that_decided(subjects: list[Subject]) -> None:
    """The response's trace names baseline cells: none of them is missing among the baselines."""
    looked_at = 0
    for subject in subjects:
        if subject.regimen is None:
            continue
        until = subject.derived.regimens["first_infusion"].max()
        visits = subject.child.record("assessment").filter(pl.col("date") <= until)
        traced = subject.child.trace.filter(pl.col("definition_id") == "jdm_ivig_response")
        used = subject.child.trace_source.filter(
            pl.col("trace_id").is_in(traced["trace_id"].implode()) & (pl.col("role") == "used")
        )["row_id"]
        named = set(used) & set(visits["row_id"])
        baselines = set(subject.derived.baselines["baseline_row_id"])
        looked_at += len(named)
        assert named <= baselines
    assert looked_at > 50


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(name for name, item in MEASURES.items() if item.better is not None)),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 52)), min_size=1, max_size=12),
)
def test_the_best_value_is_never_beaten_and_is_the_first_of_equals(
    name: str, found: list[tuple[int, int]]
) -> None:
    rows = [
        {"date": dt.date(2020, 1, 1) + dt.timedelta(days=day), "value": float(value)}
        for day, value in found
    ]
    best = find_best(MEASURES[name], rows)
    assert best is not None
    values = [row["value"] for row in rows]
    assert best["value"] == (min(values) if MEASURES[name].better == "low" else max(values))
    assert best["date"] == min(row["date"] for row in rows if row["value"] == best["value"])


@given(st.sets(st.integers(1, 60), min_size=1, max_size=25))
def test_rows_said_as_spans_are_the_rows(rows: set[int]) -> None:
    said = _say_rows(rows)
    shown = set()
    for part in (
        re.sub(r" and \d+ more$", "", said).removeprefix("rows ").removeprefix("row ").split(", ")
    ):
        first, _dash, last = part.partition("-")
        shown |= set(range(int(first), int(last or first) + 1))
    hidden = int(found[1]) if (found := re.search(r"and (\d+) more$", said)) else 0
    assert shown <= rows
    assert len(shown) + hidden == len(rows)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4),
            st.integers(1, 27),
            st.sampled_from(["met", "not_met", "not_evaluable"]),
        ),
        max_size=15,
        unique_by=lambda row: row[:2],
    )
)
def test_wearing_off_needs_an_improved_visit_before_one_that_was_not(
    rows: list[tuple[int, int, str]],
) -> None:
    start = dt.date(2020, 1, 1)
    visits = pl.DataFrame(
        [
            {
                "course": course,
                "day_of_course": day,
                "state": state,
                "date": start + dt.timedelta(days=28 * course + day),
                "is_on_regimen": True,
            }
            for course, day, state in rows
        ],
        schema={
            "course": pl.Int32,
            "day_of_course": pl.Int32,
            "state": pl.String,
            "date": pl.Date,
            "is_on_regimen": pl.Boolean,
        },
    )
    courses, pairs = find_worn_off(visits)
    judged = [row for row in rows if row[2] != "not_evaluable"]
    numbers = [row[0] for row in judged]
    assert courses == len({n for n in numbers if numbers.count(n) > 1})
    worn = {
        a[0]
        for a in judged
        for b in judged
        if a[0] == b[0] and a[1] < b[1] and (a[2], b[2]) == ("met", "not_met")
    }
    assert {early["course"] for early, _ in pairs} == worn
