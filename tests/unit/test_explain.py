"""The explanation of a child: the tree, the cells behind it, and what a stranger's name gets."""

from __future__ import annotations

import datetime
import io
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from markupsafe import escape
from rich.console import Console

from heliotrope.errors import ExitCode, UserError
from heliotrope.records.canonical import Assessment
from heliotrope.records.finding_tables import Source
from heliotrope.records.row_id import SourceCell, pack_row_id
from heliotrope.records.shard import shard_of
from heliotrope.records.trace_tables import Trace, TraceSource
from heliotrope.report.explain import Explanation, explain_patient
from heliotrope.report.explain_html import render_explanation_html
from heliotrope.report.explain_tree import render_explanation
from heliotrope.report.read_run import RunTables

USED = pack_row_id(SourceCell(source=0, record=3, column=4))
REJECTED = pack_row_id(SourceCell(source=0, record=1, column=4))
FOREIGN = pack_row_id(SourceCell(source=9, record=0, column=0))


def _node(trace_id: int, node: str, parent: str | None, **columns: object) -> dict[str, object]:
    empty = dict.fromkeys(Trace.column_names())
    fixed = {
        "trace_id": trace_id,
        "patient_id": "C-01",
        "regimen": 1,
        "definition_id": "jdm_ivig_response",
        "definition_version": "0.1.0",
        "node": node,
        "parent": parent,
        "state": "met",
    }
    return {**empty, **fixed, **columns}


def _write(path: Path, frame: pl.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two children, its trace in two parts, one node with three source cells."""
    visit = datetime.date(2019, 3, 4)
    first = [
        _node(0, "fall", "tier_c", value=-0.5, operator="<=", threshold=-0.3, state="met"),
        _node(1, "root", None, label="rapid"),
        _node(2, "tier_c", "root", state="not_evaluable", reason="too_few_items"),
        _node(3, "root", None, definition_id="tis_jdm_imacs", date=visit, points=45.0),
    ]
    second = [_node(4, "root", None, patient_id="C-02", state="not_reached", reason="no_ivig")]
    for number, rows in enumerate([first, second]):
        frame = pl.DataFrame(rows, schema=Trace.create_empty().schema)
        _write(tmp_path / "trace" / f"trace-{number:05}.parquet", frame)
    links = pl.DataFrame(
        [
            {"trace_id": 0, "row_id": USED, "role": "used", "reason": None},
            {"trace_id": 0, "row_id": REJECTED, "role": "rejected", "reason": "too_old"},
            {"trace_id": 0, "row_id": FOREIGN, "role": "used", "reason": None},
        ],
        schema=TraceSource.create_empty().schema,
    )
    _write(tmp_path / "trace" / "trace_source-00000.parquet", links)
    source = {
        "source": 0,
        "file": "[red]labs.csv",
        "sheet": None,
        "sha256": "0" * 64,
        "records": 9,
        "first_row": 2,
        "column": 4,
        "column_name": "CK",
    }
    columns = Source.create_empty().schema
    _write(tmp_path / "records" / "source.parquet", pl.DataFrame([source], schema=columns))
    row = dict.fromkeys(Assessment.column_names()) | {
        "row_id": USED,
        "patient_id": "C-01",
        "date": visit,
        "measure": "creatine_kinase",
        "value": 850.0,
        "unit": "U/L",
    }
    columns = Assessment.create_empty().schema
    _write(tmp_path / "records" / "assessment.parquet", pl.DataFrame([row], schema=columns))
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    return tmp_path


def _draw(explanation: Explanation, width: int = 200) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False)
    console.print(render_explanation(explanation))
    return out.getvalue()


def test_nodes_stand_under_their_parents_whatever_the_row_order(run: Path) -> None:
    response = explain_patient(run, "C-01").decisions[0]
    assert response.definition_id == "jdm_ivig_response"
    assert response.root.node == "root"
    assert [child.node for child in response.root.children] == ["tier_c"]
    assert [child.node for child in response.root.children[0].children] == ["fall"]


def test_a_node_names_file_row_and_column_of_the_cells_it_used_and_rejected(run: Path) -> None:
    fall = explain_patient(run, "C-01").decisions[0].root.children[0].children[0]
    used = next(cell for cell in fall.cells if cell.role == "used" and cell.file)
    rejected = next(cell for cell in fall.cells if cell.role == "rejected")
    assert (used.file, used.row, used.column) == ("[red]labs.csv", 5, "CK")
    assert used.holds == "2019-03-04 creatine kinase 850 U/L"
    assert (rejected.row, rejected.reason, rejected.because) == (3, "too_old", "too old")


def test_the_tree_says_state_comparison_reason_and_cell_in_words(run: Path) -> None:
    drawn = _draw(explain_patient(run, "C-01"))
    assert "regimen 1: rapid (improved within days)  [jdm_ivig_response 0.1.0]" in drawn
    assert "Fall: met  -0.5 (asked: ≤ -0.3)" in drawn
    assert "Tier C: items of a sparse record that are better: not evaluable" in drawn
    assert "(too few items)" in drawn
    assert "rejected: [red]labs.csv, row 3, column CK  (too old)" in drawn
    assert "used: 2019-03-04 creatine kinase 850 U/L  [red]labs.csv, row 5, column CK" in drawn
    assert "no source file of this run" in drawn


def test_decisions_about_visits_are_a_line_each_unless_asked_for(run: Path) -> None:
    drawn = _draw(explain_patient(run, "C-01"))
    assert "IMACS core set, regimen 1, by visit  [tis_jdm_imacs 0.1.0]" in drawn
    whole = _draw(explain_patient(run, "C-01", visits=True))
    assert "regimen 1, visit of 2019-03-04: met, 45 points" in whole
    assert "by visit" not in whole


def test_json_is_plain_and_carries_the_cells(run: Path) -> None:
    content = explain_patient(run, "C-01").to_json()
    assert json.loads(json.dumps(content)) == content
    fall = content["decisions"][0]["root"]["children"][0]["children"][0]
    assert {cell["role"] for cell in fall["cells"]} == {"used", "rejected"}
    assert content["by_visit"][0]["latest"]["date"] == "2019-03-04"


def test_one_definition_can_be_asked_for(run: Path) -> None:
    explanation = explain_patient(run, "C-01", "tis_jdm_imacs")
    assert [decision.definition_id for decision in explanation.decisions] == ["tis_jdm_imacs"]


def test_an_unknown_child_is_told_the_nearest_pseudonyms(run: Path) -> None:
    with pytest.raises(UserError) as caught:
        explain_patient(run, "C-1")
    assert caught.value.exit_code == ExitCode.DATA
    assert str(caught.value) == (
        "Expected: the pseudonym of one of the 2 children of this run\n"
        "Found:    C-1\n"
        "To do:    write it as the source does; the nearest are C-01, C-02"
    )


def test_a_definition_that_did_not_judge_the_child_is_named(run: Path) -> None:
    with pytest.raises(UserError, match=r"did you mean jdm_ivig_response\?"):
        explain_patient(run, "C-01", "jdm_ivig_respons")
    with pytest.raises(UserError, match="the run applied jdm_ivig_response"):
        explain_patient(run, "C-02", "tis_jdm_imacs")


def test_a_folder_that_is_no_run_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        explain_patient(tmp_path, "C-01")
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_node_that_is_its_own_ancestor_is_shown_once(run: Path) -> None:
    rows = [
        _node(5, "root", None, patient_id="C-03"),
        _node(6, "one", "two", patient_id="C-03"),
        _node(7, "two", "one", patient_id="C-03"),
        _node(8, "orphan", "nobody", patient_id="C-03"),
    ]
    frame = pl.DataFrame(rows, schema=Trace.create_empty().schema)
    _write(run / "trace" / "trace-00002.parquet", frame)
    root = explain_patient(run, "C-03").decisions[0].root
    assert [child.node for child in root.children] == ["orphan"]


def test_equal_visits_in_a_row_are_one_line(run: Path) -> None:
    days = [datetime.date(2019, 3, day) for day in (1, 8, 15, 22)]
    states = ["not_met", "met", "met", "not_evaluable"]
    rows = [
        _node(10 + number, "root", None, patient_id="C-04", date=day, state=state)
        for number, (day, state) in enumerate(zip(days, states, strict=True))
    ]
    rows.append(_node(20, "tier_c", "root", patient_id="C-04", date=days[1], value=2.0))
    frame = pl.DataFrame(rows, schema=Trace.create_empty().schema)
    _write(run / "trace" / "trace-00003.parquet", frame)
    drawn = _draw(explain_patient(run, "C-04"))
    assert "2019-03-08 to 2019-03-15, 2 visits: improved" in drawn
    assert "2019-03-22: not evaluable" in drawn


def test_four_hundred_visits_are_few_lines_and_whole_by_wish(run: Path) -> None:
    first = datetime.date(2019, 1, 1)
    rows = []
    for number in range(400):
        day = first + datetime.timedelta(days=number)
        common = {"patient_id": "C-05", "date": day, "definition_id": "inactive_disease_2015"}
        rows.append(_node(2 * number, "root", None, state="not_met", **common))
        leaf = {"value": 2.0, "operator": "<=", "threshold": 0.2, "unit": "cm", "state": "not_met"}
        rows.append(_node(2 * number + 1, "physician_global", "root", **common, **leaf))
    frame = pl.DataFrame(rows, schema=Trace.create_empty().schema)
    _write(run / "trace" / "trace-00004.parquet", frame)
    short = explain_patient(run, "C-05")
    assert [item.visits for item in short.by_visit[0].runs] == [400]
    assert len(_draw(short).splitlines()) < 10
    assert "Physician global activity (2 cm, asked at most 0.2 cm)" in _draw(short)
    assert len(explain_patient(run, "C-05", visits=True).decisions) == 400


def test_a_run_in_parts_is_read_in_the_part_of_the_child(run: Path) -> None:
    """A decision that stands in another child's part is not looked for there."""
    shutil.rmtree(run / "trace")
    parts = 4
    child = "C-77"
    for number in range(parts):
        here = child if number == shard_of(child, parts) else "C-78"
        row = _node(number << 40, "root", None, patient_id=here, state="not_reached")
        frame = pl.DataFrame([row], schema=Trace.create_empty().schema)
        _write(run / "trace" / "trace.parquet" / f"part-{number:05}.parquet", frame)
    tables = RunTables(run)
    assert tables.trace([child]).height == 1
    assert tables.trace([child], ["tis_jdm_imacs"]).is_empty()
    assert len(tables.traced_children()) == 2


def test_a_definition_changed_since_the_run_is_read_from_the_trace_alone(run: Path) -> None:
    changed = {"definitions": [{"id": "jdm_ivig_response", "sha256": "0" * 64}]}
    (run / "manifest.json").write_text(json.dumps(changed), encoding="utf-8")
    explanation = explain_patient(run, "C-01")
    assert "jdm_ivig_response: not the definition of this run any more" in explanation.notes[0]
    assert explanation.decisions[0].could_change == ()
    assert explanation.decisions[0].root.answer == "rapid"


def test_the_fragment_of_html_is_escaped(run: Path) -> None:
    evil = "<script>alert('CK')</script>"
    path = run / "records" / "source.parquet"
    pl.read_parquet(path).with_columns(column_name=pl.lit(evil)).write_parquet(path)
    fragment = render_explanation_html(explain_patient(run, "C-01"))
    assert "<script" not in fragment
    assert "&lt;script&gt;" in fragment
    assert fragment.startswith("<article")
    assert fragment.rstrip().endswith("</article>")
    assert "850 U/L" in fragment


def test_text_json_and_html_say_the_same(run: Path) -> None:
    """Every criterion's title and answer stands in all three renderings."""
    explanation = explain_patient(run, "C-01")
    fragment = render_explanation_html(explanation)
    content = json.dumps(explanation.to_json(), ensure_ascii=False)
    text = _draw(explanation, width=4000)
    for decision in explanation.decisions:
        for node in decision.root.walk():
            assert node.answer in text
            assert node.answer in content
            assert str(escape(node.answer)) in fragment
