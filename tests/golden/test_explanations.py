"""The explanations of two of the seven children, word for word, and the shape of their JSON.

After a change that was meant, run this file as a program: it writes the pinned texts anew, and
the difference is read like any other.
"""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from heliotrope.definitions.measure import measures_of
from heliotrope.pipeline import run_study
from heliotrope.report.explain import LATEST_JUDGED, explain_patient
from heliotrope.report.explain_html import render_explanation_html
from heliotrope.report.explain_tree import render_explanation
from heliotrope.report.explanation import Explanation
from heliotrope.report.say_node import NUMBERED, Reading
from heliotrope.run.manifest import read_manifest
from heliotrope.run.verification import read_rulebook_of
from heliotrope.study import read_study

SEVEN = Path(__file__).parents[2] / "examples" / "seven_children"
PINNED = Path(__file__).parent / "explanations"
DEFINITIONS = ("jdm_ivig_response", "aggravation_after_discontinuation", "reaction_windows")
CHILDREN = ("S01", "S06")
WIDTH = 100


def draw(run: Path, child: str, definition: str | None, width: int = WIDTH) -> str:
    rulebook = read_study(SEVEN).read_rulebook()
    out = io.StringIO()
    explanation = explain_patient(run, child, definition, rulebook=rulebook)
    Console(file=out, width=width, highlight=False).print(render_explanation(explanation))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


@pytest.fixture(scope="module")
def run(seven_run: Path) -> Path:
    return seven_run


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("child", CHILDREN)
def test_the_explanation_is_the_pinned_text(run: Path, child: str, definition: str) -> None:
    pinned = (PINNED / f"{child}_{definition}.txt").read_text(encoding="utf-8")
    assert draw(run, child, definition) == pinned


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("child", CHILDREN)
def test_no_line_is_wider_than_the_terminal(run: Path, child: str, width: int) -> None:
    drawn = draw(run, child, None, width)
    assert max(map(len, drawn.splitlines())) <= width


READ = TypeAdapter(Explanation)


@pytest.mark.parametrize("child", CHILDREN)
def test_the_json_is_read_back_as_the_same_explanation(run: Path, child: str) -> None:
    """The model is the schema: every field is there, of its type, and nothing is lost."""
    explanation = explain_patient(run, child)
    assert READ.validate_json(json.dumps(explanation.to_json())) == explanation
    assert {item.definition_id for item in explanation.decisions} >= set(DEFINITIONS)


@pytest.mark.parametrize("field", ["answer", "cells", "children", "also", "change"])
def test_json_without_a_field_is_no_explanation(run: Path, field: str) -> None:
    content = explain_patient(run, "S01").to_json()
    del content["decisions"][0]["root"][field]
    with pytest.raises(ValidationError):
        READ.validate_python(content)


def test_the_report_shows_the_same_words(run: Path) -> None:
    """A child's page is made of the same decisions as the fragment of that child."""
    report = (run / "report.html").read_text(encoding="utf-8")
    explanation = explain_patient(run, "S01", "jdm_ivig_response")
    shown = tuple(item for item in explanation.decisions if item.heading != LATEST_JUDGED)
    fragment = render_explanation_html(replace(explanation, decisions=shown, by_visit=()))
    lines = [line for line in fragment.splitlines() if line.startswith("<li>")]
    assert len(lines) > 40
    assert [line for line in lines if line not in report] == []


@pytest.fixture(scope="module")
def three_children(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One child without IVIG, one with two regimens, one who stopped with little recorded."""
    study = tmp_path_factory.mktemp("three")
    texts = {
        "patient": "patient_id,sex\nNONE,female\nTWO,male\n",
        "infusion": "patient_id,date,route,dose,dose_unit\n"
        + "".join(f"TWO,{day},iv,2,g/kg\n" for day in ("2015-01-05", "2015-02-02", "2018-03-05")),
        "assessment": "patient_id,date,measure,value,unit\n"
        + "".join(
            f"{child},{date},physician_global,{value},cm\n"
            for child, date, value in (
                ("NONE", "2015-01-05", 4),
                ("TWO", "2015-01-05", 6),
                ("TWO", "2015-02-20", 2),
                ("TWO", "2018-03-05", 5),
                ("TWO", "2018-04-05", 5),
            )
        ),
    }
    for name, text in texts.items():
        (study / f"{name}.csv").write_text(text, encoding="utf-8")
    run_study(study, study / "run")
    return study / "run"


@pytest.mark.parametrize("example", ["seven_run", "modern_run"])
def test_every_node_of_an_example_is_named_in_words(
    example: str, request: pytest.FixtureRequest
) -> None:
    """No technical name reaches a reader: each node has words beside its definition."""
    run: Path = request.getfixturevalue(example)
    rulebook = read_rulebook_of(read_manifest(run))
    trace = pl.read_parquet(run / "trace" / "trace.parquet")
    unnamed = []
    for name, node in trace.select("definition_id", "node").unique().iter_rows():
        words = Reading(rulebook.definitions[name], rulebook).words
        numbered = NUMBERED.match(node)
        known = numbered and (numbered["part"] or numbered["name"]) in words
        if node not in words and not known and node not in measures_of(rulebook):
            unnamed.append(f"{name}: {node}")
    assert unnamed == []


def test_a_child_without_ivig_is_explained(three_children: Path) -> None:
    explanation = explain_patient(three_children, "NONE")
    response = explanation.decisions[0]
    assert response.definition_id == "jdm_ivig_response"
    assert (response.root.state, response.root.because) == ("not_reached", "no IVIG")
    out = io.StringIO()
    Console(file=out, width=WIDTH).print(render_explanation(explanation))
    assert "does not apply: no IVIG" in out.getvalue()


def test_regimens_stand_in_their_order_each_with_its_own_visits(three_children: Path) -> None:
    explanation = explain_patient(three_children, "TWO", "jdm_ivig_response")
    whole = [item for item in explanation.decisions if item.date is None]
    assert [item.regimen for item in whole] == [1, 2]
    first, second = ([str(run.first) for run in item.visits] for item in whole)
    assert first[0] == "2015-02-20"
    assert second == ["2018-04-05"]


def test_what_cannot_be_evaluated_says_what_would_have_made_it_so(three_children: Path) -> None:
    explanation = explain_patient(three_children, "TWO", "jdm_ivig_response")
    second = next(item for item in explanation.decisions if item.regimen == 2 and not item.date)
    assert second.root.state == "not_evaluable"
    assert second.to_record
    patterns = {
        other.after
        for change in second.could_change
        for other in change.classes
        if other.question == "Pattern"
    }
    assert patterns - {"not evaluable"}


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "run"
        run_study(SEVEN, target)
        for name in CHILDREN:
            for definition_id in DEFINITIONS:
                text = draw(target, name, definition_id)
                (PINNED / f"{name}_{definition_id}.txt").write_text(text, encoding="utf-8")
