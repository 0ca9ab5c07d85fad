"""The flow chart of a cohort selected: in the report, and in the terminal."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from heliotrope.report.cohort_flow import FlowStep, list_flow, say_emptied
from heliotrope.report.environment import make_environment
from heliotrope.terminal.run import print_cohort

STEPS = [
    ("persons", "persons in the source", 1200),
    ("jdm", "with a code of juvenile dermatomyositis", 3),
    ("immunoglobulin", "who were given immunoglobulin", 3),
    ("persons", "persons in the source", 10),
]
MANIFEST = {"cohort": [{"step": step, "words": words, "persons": n} for step, words, n in STEPS]}


def test_a_chart_a_source_with_what_each_step_left_out():
    first, second = list_flow(MANIFEST)
    assert list(first) == [
        FlowStep("persons in the source", 1200, 0),
        FlowStep("with a code of juvenile dermatomyositis", 3, 1197),
        FlowStep("who were given immunoglobulin", 3, 0),
    ]
    assert list(second) == [FlowStep("persons in the source", 10, 0)]
    assert list_flow({}) == []


def test_the_chart_is_a_list_that_can_be_read_aloud():
    html = (
        make_environment()
        .get_template("cohort_flow.html.j2")
        .render(content={"flow": list_flow(MANIFEST), "emptied": []})
    )
    assert html.count("<figure") == 2
    assert "<li><strong>3</strong> with a code of juvenile dermatomyositis" in html
    assert "1,197 left out" in html
    assert "0 left out" not in html


def test_the_terminal_says_the_steps():
    console = Console(file=StringIO(), width=80)
    print_cohort(console, STEPS)
    said = console.file.getvalue()
    assert "1,200  persons in the source" in said
    assert "3  who were given immunoglobulin" in said
    print_cohort(quiet := Console(file=StringIO()), ())
    assert quiet.file.getvalue() == ""


EMPTIED = [
    *STEPS[:2],
    ("under_18", "under 18 years", 0),
    ("immunoglobulin", "who were given it", 0),
]


def test_the_step_that_left_nobody_is_said_in_the_terminal():
    console = Console(file=StringIO(), width=100)
    print_cohort(console, [*STEPS, *EMPTIED])
    said = console.file.getvalue()
    assert said.count("Nobody is left") == 1
    assert 'Nobody is left after the step "under 18 years": 3 before it, 0 after.' in said


def test_a_source_without_persons_says_so():
    (chart,) = list_flow({"cohort": [{"step": "persons", "words": "persons", "persons": 0}]})
    assert say_emptied(chart) == "No person is in the source."
    assert [say_emptied(chart) for chart in list_flow(MANIFEST)] == [None, None]


def test_the_step_that_left_nobody_is_said_in_the_report():
    html = (
        make_environment()
        .get_template("cohort_flow.html.j2")
        .render(content={"flow": [], "emptied": ["Nobody is left after the step"]})
    )
    assert "<p>Nobody is left after the step</p>" in html
