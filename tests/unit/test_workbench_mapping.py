"""The mapping: proposed, decided, corrected by column, saved by one tab and another."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.unit.workbench_client import Visitor, visiting

from heliotrope.errors import UserError
from heliotrope.workbench.questions import decide, list_questions
from heliotrope.workbench.toml_edit import set_column, set_measure

DAYS = [f"2020-{month:02}-{day:02}" for month in range(1, 7) for day in (3, 17, 25)]
VISITS = "record_id,visit,CMAS,PGA,CK,remark\n" + "".join(
    f"K{number % 6 + 1},{day},{30 + number},{8 - number % 5},{500 - number},text {number}\n"
    for number, day in enumerate(DAYS)
)
INFUSIONS = "case,given on,grams\n" + "".join(f"K{n},2020-02-0{n},{30 + n}\n" for n in range(1, 7))
COMMENTED = """\
id = "ward"  # the ward's own name

# ---- visits.csv ----
[[source]]  # asked Dr. A
file = "visits.csv"
table = "assessment"
[source.columns]
patient_id = "record_id"   # the pseudonym
date = "visit"
[[source.measures]]  # numbers 30 to 47
column = "CMAS"
measure = "cmas"

[[source]]
file = "infusions.csv"
table = "infusion"

[precedence]
infusion = ["infusions.csv"]
"""


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Visitor]:
    with visiting(tmp_path / "work") as one:
        one.upload({"visits.csv": VISITS.encode(), "infusions.csv": INFUSIONS.encode()})
        yield one


def study_file(visitor: Visitor) -> Path:
    return visitor.workspace.folder / "studies" / "ward" / "study.toml"


def revision_of(page: httpx.Response) -> str:
    found = re.search(r'name="revision" value="(\w*)"', page.text)
    assert found is not None
    return found.group(1)


def save(visitor: Visitor, text: str, revision: str) -> httpx.Response:
    return visitor.post("/studies/ward/mapping", data={"text": text, "revision": revision})


def test_a_mapping_is_proposed_and_decided_question_by_question(visitor: Visitor) -> None:
    assert "Look at the files" in visitor.get("/studies/ward/mapping").text
    page = visitor.post("/studies/ward/mapping/propose")
    assert page.status_code == 200
    asked = list_questions(study_file(visitor).read_text())
    assert asked
    while 'value="accept"' in page.text:
        data = {"revision": revision_of(page), "number": "0", "answer": "accept"}
        page = visitor.post("/studies/ward/mapping/answer", data=data)
        assert page.status_code == 200
    text = study_file(visitor).read_text()
    assert list_questions(text) == []
    sources = tomllib.loads(text)["source"]
    measures = [item["column"] for source in sources for item in source.get("measures", [])]
    assert "CMAS" in measures


def test_to_leave_out_takes_the_lines_away(visitor: Visitor) -> None:
    page = visitor.post("/studies/ward/mapping/propose")
    before = study_file(visitor).read_text()
    data = {"revision": revision_of(page), "number": "0", "answer": "leave"}
    visitor.post("/studies/ward/mapping/answer", data=data)
    after = study_file(visitor).read_text()
    assert after == decide(before, 0, is_accepted=False)
    assert len(after.splitlines()) < len(before.splitlines())


def test_a_proposal_does_not_touch_a_mapping(visitor: Visitor) -> None:
    study_file(visitor).write_text(COMMENTED)
    assert visitor.post("/studies/ward/mapping/propose").status_code == 422
    assert study_file(visitor).read_text() == COMMENTED


def test_a_file_of_unknown_columns_is_added_and_its_columns_said(visitor: Visitor) -> None:
    page = visitor.post("/studies/ward/mapping/propose")
    data = {"revision": revision_of(page), "file": "0", "table": "infusion"}
    page = visitor.post("/studies/ward/mapping/sources", data=data)
    number = str(len(tomllib.loads(study_file(visitor).read_text())["source"]) - 1)
    chosen = {"column-0": "column:patient_id", "column-1": "column:date", "column-2": "column:dose"}
    data = {"revision": revision_of(page), "source": number, **chosen}
    page = visitor.post("/studies/ward/mapping/columns", data=data)
    assert page.status_code == 200
    added = tomllib.loads(study_file(visitor).read_text())["source"][-1]
    assert added["file"] == "infusions.csv"
    assert added["columns"] == {"patient_id": "case", "date": "given on", "dose": "grams"}


def test_a_corrected_column_leaves_every_comment(visitor: Visitor) -> None:
    study_file(visitor).write_text(COMMENTED)
    page = visitor.get("/studies/ward/mapping")
    data = {"revision": revision_of(page), "source": "0", "column-3": "measure:physician_global"}
    assert visitor.post("/studies/ward/mapping/columns", data=data).status_code == 200
    text = study_file(visitor).read_text()
    assert [line for line in COMMENTED.splitlines() if line not in text.splitlines()] == []
    measures = tomllib.loads(text)["source"][0]["measures"]
    assert measures[1] == {"column": "PGA", "measure": "physician_global"}


def test_naming_one_measure_keeps_those_that_were_read_by_their_headers(visitor: Visitor) -> None:
    study_file(visitor).write_text(COMMENTED.replace(
        '[[source.measures]]  # numbers 30 to 47\ncolumn = "CMAS"\nmeasure = "cmas"\n', ""
    ))  # fmt: skip
    page = visitor.get("/studies/ward/mapping")
    data = {"revision": revision_of(page), "source": "0", "column-3": "measure:patient_global"}
    visitor.post("/studies/ward/mapping/columns", data=data)
    found = tomllib.loads(study_file(visitor).read_text())["source"][0]["measures"]
    assert {item["column"]: item["measure"] for item in found} == {
        "CMAS": "cmas",
        "PGA": "patient_global",
        "CK": "creatine_kinase",
    }


def test_what_is_no_column_of_ours_is_not_written(visitor: Visitor) -> None:
    study_file(visitor).write_text(COMMENTED)
    page = visitor.get("/studies/ward/mapping")
    for reading in ("column:nonsense", "measure:nonsense", 'x"\n[evil]'):
        data = {"revision": revision_of(page), "source": "0", "column-3": reading}
        visitor.post("/studies/ward/mapping/columns", data=data)
        assert study_file(visitor).read_text() == COMMENTED


def test_a_text_that_cannot_be_read_is_kept_in_the_page_and_not_saved(visitor: Visitor) -> None:
    study_file(visitor).write_text(COMMENTED)
    revision = revision_of(visitor.get("/studies/ward/mapping"))
    page = save(visitor, 'titel = "<Ward 7>"', revision)
    assert page.status_code == 422
    assert "title" in page.text
    assert "titel = &#34;&lt;Ward 7&gt;&#34;" in page.text
    assert study_file(visitor).read_text() == COMMENTED
    assert save(visitor, 'title = "Ward 7"', revision_of(page)).status_code == 200


def test_two_tabs_at_once_lose_nothing(visitor: Visitor) -> None:
    study_file(visitor).write_text(COMMENTED)
    one = other = revision_of(visitor.get("/studies/ward/mapping"))
    assert save(visitor, 'title = "first"', one).status_code == 200
    page = save(visitor, 'title = "second"', other)
    assert page.status_code == 409
    assert "title = &#34;first&#34;" in page.text
    assert "title = &#34;second&#34;" in page.text
    assert study_file(visitor).read_text() == 'title = "first"\n'
    assert save(visitor, 'title = "second"', revision_of(page)).status_code == 200
    assert study_file(visitor).read_text() == 'title = "second"\n'


@pytest.mark.parametrize("form", ["answer", "columns", "sources"])
def test_a_click_on_an_old_page_changes_nothing(visitor: Visitor, form: str) -> None:
    study_file(visitor).write_text(COMMENTED)
    data = {"revision": "0" * 32, "number": "0", "answer": "accept", "source": "0",
            "column-3": "measure:cmas", "file": "0", "table": "event"}  # fmt: skip
    page = visitor.post(f"/studies/ward/mapping/{form}", data=data)
    assert page.status_code == 409
    assert study_file(visitor).read_text() == COMMENTED


def test_the_mapping_shows_no_file_outside(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("SECRET,columns\n1,2\n")
    named = '[[source]]\nfile = "../../../secret.csv"\ntable = "patient"\n'
    page = save(visitor, named, "")
    assert "leads out of it" in page.text
    assert "SECRET" not in page.text
    study_file(visitor).unlink()
    study_file(visitor).symlink_to(tmp_path / "secret.csv")
    page = visitor.get("/studies/ward/mapping")
    assert page.status_code == 422
    assert "SECRET" not in page.text


@pytest.mark.parametrize(
    "text",
    [
        '[[source]]\nfile = "a.csv"\ntable = "patient"\ncolumns = { sex = "s" }\n',
        '[[source]]\nfile = "a.csv"\ntable = "patient"\ncolumns.sex = "s"\n',
        'source = [{ file = "a.csv", table = "patient", columns = { sex = "s" } }]\n',
    ],
)
def test_a_text_written_in_another_way_is_left_to_its_writer(text: str) -> None:
    with pytest.raises(UserError, match="a line each"):
        set_column(text, 0, "sex", "other")


def test_single_entries() -> None:
    changed = set_column(COMMENTED, 1, "date", 'given "on"')
    assert tomllib.loads(changed)["source"][1]["columns"] == {"date": 'given "on"'}
    assert set_column(changed, 1, "date", None).replace("[source.columns]\n", "", 1)
    removed = set_measure(COMMENTED, 0, "CMAS", None)
    assert "measures" not in tomllib.loads(removed)["source"][0]
    renamed = set_measure(COMMENTED, 0, "CMAS", "mmt8")
    assert tomllib.loads(renamed)["source"][0]["measures"][0]["measure"] == "mmt8"
    assert tomllib.loads(renamed)["precedence"] == {"infusion": ["infusions.csv"]}
