"""The pages of the workbench as a person uses them, without a browser."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from tests.unit.workbench_client import Visitor, visiting

from heliotrope.comparison.between_runs import compare_two_runs
from heliotrope.comparison.compare import compare_run
from heliotrope.comparison.excerpt import Excerpt
from heliotrope.example_studies import find_example
from heliotrope.pipeline import run_study
from heliotrope.workbench.languages import choose_language
from heliotrope.workbench.styles import move_styles
from heliotrope.workbench.table_view import TableView

SEVEN = find_example("seven_children")
HOSTILE = '<img src=x onerror=alert(1)>"; \u202e=1+1'
RUN = "/runs/seven-1"


def list_words(text: str) -> str:
    """What a person reads of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


@pytest.fixture(scope="module")
def folder(seven_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two runs: in the second S01 was seen later, and S07 has a hostile name."""
    folder = tmp_path_factory.mktemp("pages")
    study = folder / "changed"
    shutil.copytree(SEVEN, study)
    for path in study.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        name = rows[0].index("patient_id")
        for row in rows[1:]:
            row[name] = HOSTILE if row[name] == "S07" else row[name]
        if path.stem == "assessment":
            date = rows[0].index("date")
            rows = [
                r for r in rows if r[name] != "S01" or not "1991-10-22" < r[date] < "1991-12-01"
            ]
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    shutil.copytree(seven_run, folder / "work" / "runs" / "seven-1")
    run_study(study, folder / "work" / "runs" / "seven-2")
    return folder / "work"


@pytest.fixture
def visitor(folder: Path) -> Iterator[Visitor]:
    with visiting(folder) as one:
        yield one


def test_the_children_are_sorted_filtered_and_found(visitor: Visitor) -> None:
    page = visitor.get(f"{RUN}/children?sort=-onset_by_day")
    order = re.findall(r'href="/runs/seven-1/child\?id=(S\d+)"', page.text)
    assert order == ["S07", "S02", "S05", "S01", "S04", "S03", "S06"]
    assert 'aria-sort="descending"' in page.text
    page = visitor.get(f"{RUN}/children?pattern=rapid")
    assert re.findall(r"child\?id=(S\d+)", page.text) == ["S01", "S03", "S04"]
    assert re.findall(r"child\?id=(S\d+)", visitor.get(f"{RUN}/children?text=s06").text) == ["S06"]
    assert "No child of this run" in visitor.get(f"{RUN}/children?text=nobody").text
    assert visitor.get(f"{RUN}/children?sort=nonsense&page=99999&pattern=%27").status_code == 200


def test_five_thousand_children_come_fifty_at_a_time() -> None:
    cohort = pl.DataFrame(
        {
            "patient_id": [f"C{n:04}" for n in range(5000)],
            "onset_by_day": [n % 7 for n in range(5000)],
        }
    )
    view = TableView(sort="onset_by_day", is_descending=True)
    found = view.choose(cohort.lazy(), ["patient_id"]).collect()
    assert found["onset_by_day"][0] == 6
    assert found["patient_id"].head(2).to_list() == ["C0006", "C0013"]


def test_a_child_without_ivig_is_in_the_table(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "assessment.csv").write_text(
        "patient_id,date,measure,value\nP1,2020-01-01,cmas,40\n"
    )
    run = tmp_path / "work" / "runs" / "one"
    run_study(tmp_path / "study", run)
    with visiting(tmp_path / "work") as one:
        page = one.get("/runs/one/children")
        assert "Without IVIG" in page.text or "without IVIG" in page.text
        page = one.get("/runs/one/child?id=P1")
        assert page.status_code == 200
        assert "No IVIG is recorded for this child" in page.text
        assert one.get("/runs/one/child/trace?id=P1").status_code == 200


def test_the_page_of_a_child_answers_under_the_strict_policy(visitor: Visitor) -> None:
    page = visitor.get(f"{RUN}/child?id=S01")
    assert "Improved while receiving IVIG, confirmed at a later visit" in page.text
    assert "assessment.csv, row" in page.text
    assert " style=" not in page.text
    nonce = re.search(r'<style nonce="([^"]+)">', page.text)
    assert nonce is not None
    policy = page.headers["content-security-policy"]
    assert f"style-src 'self' 'nonce-{nonce.group(1)}'" in policy
    assert "unsafe" not in policy
    other = re.search(r'nonce="([^"]+)"', visitor.get(f"{RUN}/child?id=S01").text)
    assert other is not None
    assert other.group(1) != nonce.group(1)


def test_the_trace_leads_to_the_cells(visitor: Visitor) -> None:
    whole = list_words(visitor.get(f"{RUN}/child/trace?id=S01").text)
    assert "First improved visit, days after the first infusion" in whole
    one = visitor.get(f"{RUN}/child/trace?id=S01&definition=jdm_ivig_response")
    assert "row 24, column value" in one.text
    assert visitor.get(f"{RUN}/child/trace?id=S01&definition=nonsense").status_code == 404


def test_a_child_under_another_definition(visitor: Visitor) -> None:
    page = visitor.get(f"{RUN}/child/other?id=S01&first=jdm_ivig_response&second=tis_jdm_printo")
    words = list_words(page.text)
    assert "18 of 18 visits are classed differently." in words
    assert "S02" not in words
    page = visitor.get(f"{RUN}/child/other?id=S01&first=jdm_ivig_response&second=nonsense")
    assert "the id of a definition" in page.text


@pytest.mark.parametrize("path", ["child", "child/trace", "child/other"])
def test_a_child_that_is_not_there_is_not_found(visitor: Visitor, path: str) -> None:
    assert visitor.get(f"{RUN}/{path}?id=S99").status_code == 404
    assert visitor.get(f"{RUN}/{path}").status_code == 404


def test_a_hostile_name_is_text_everywhere(visitor: Visitor) -> None:
    addresses = ["/runs/seven-2/children", "/runs/seven-2/findings"]
    query = f"?id={quote(HOSTILE)}"
    addresses += [f"/runs/seven-2/child{part}{query}" for part in ("", "/trace", "/other")]
    for address in addresses:
        page = visitor.get(address)
        assert page.status_code == 200, address
        assert "<img" not in page.text
        assert "&lt;img src=x onerror" in page.text or "findings" in address
    table = visitor.get("/runs/seven-2/files/response.csv").text
    assert HOSTILE.replace('"', '""') in table


def test_the_review_page_stands_in_a_sandbox_and_can_be_saved(visitor: Visitor) -> None:
    page = visitor.get(f"{RUN}/child/review?id=S01")
    assert "S01" in page.text
    assert "sandbox" in page.headers["content-security-policy"]
    saved = visitor.get(f"{RUN}/child/review?id=S01&save=1")
    assert saved.headers["content-disposition"].startswith("attachment")
    assert visitor.get(f"{RUN}/child/review?id=S99").status_code == 404


def test_two_definitions_over_a_run(visitor: Visitor) -> None:
    page = visitor.get(f"{RUN}/definitions?first=inactive_disease_2013&second=inactive_by_cmas")
    assert page.status_code == 200
    page = visitor.get(f"{RUN}/definitions?first=jdm_ivig_response&second=tis_jdm_imacs")
    assert "B: lacks Physician global activity, Parent or patient global activity" in page.text
    page = visitor.get(f"{RUN}/definitions?first=tis_jdm_imacs&second=tis_jdm_imacs")
    assert "two or more different definitions" in page.text


def test_few_changes_are_explained_and_all_are_counted(folder: Path) -> None:
    run, pair = folder / "runs" / "seven-1", ["jdm_ivig_response", "tis_jdm_printo"]
    (whole,) = compare_run(run, pair).pairs
    (part,) = compare_run(run, pair, excerpt=Excerpt(3, 2)).pairs
    assert part.changes == whole.changes[2:5]
    assert part.classes == whole.classes
    one, other, count = whole.classes[0]
    (part,) = compare_run(run, pair, excerpt=Excerpt(999, classes=(one, other))).pairs
    assert len(part.changes) == count
    assert {(item.first, item.second) for item in part.changes} == {(one, other)}
    assert sum(count for _one, _other, count in part.classes) == len(whole.changes) > 3


def test_the_changes_come_fifty_at_a_time_and_by_class(visitor: Visitor) -> None:
    address = f"{RUN}/definitions?first=jdm_ivig_response&second=tis_jdm_printo"
    page = visitor.get(address)
    total = int(re.findall(r"1 to 50 of ([\d,]+)", page.text)[0].replace(",", ""))
    last = visitor.get(f"{address}&page=2")
    assert f"51 to {min(100, total)} of {total}" in last.text
    ((first, second),) = set(re.findall(r"from=(\w+)&amp;to=(\w+)", page.text)[:1])
    chosen = visitor.get(f"{address}&from={first}&to={second}")
    assert 'aria-current="true"' in chosen.text
    assert "All that differ" in chosen.text
    assert "None" in visitor.get(f"{address}&from=x&to=y").text
    assert f"to {total} of {total}" in visitor.get(f"{address}&page=99").text


def test_visits_of_which_the_same_is_said_stand_in_one_line(visitor: Visitor) -> None:
    page = visitor.get(f"{RUN}/child/other?id=S01&first=jdm_ivig_response&second=tis_jdm_imacs")
    assert "1991-10-24 to 1992-02-08, 9 visits" in page.text
    assert page.text.count("<tr>") < 8


def test_two_runs_say_who_changes_class_and_which_criterion_decided(
    visitor: Visitor, folder: Path
) -> None:
    address = "/compare?first=seven-1&second=seven-2&definition=jdm_ivig_response"
    words = list_words(visitor.get(address).text)
    assert "1 of 6 that both runs judged are classed differently." in words
    assert "Only in the earlier run: 1. Only in the later: 1." in words
    found = compare_two_runs(
        folder / "runs" / "seven-1", folder / "runs" / "seven-2", "jdm_ivig_response", Excerpt(10)
    )
    (change,) = found.changes
    assert change.patient_id == "S01"
    assert change.first == "rapid"
    assert change.second != "rapid"
    assert change.nodes
    assert found.classes == (("rapid", change.second, 1),)


def test_two_equal_runs_differ_in_nothing(folder: Path) -> None:
    run = folder / "runs" / "seven-1"
    for name in ("jdm_ivig_response", "tis_jdm_imacs", "inactive_by_mmt8"):
        found = compare_two_runs(run, run, name, Excerpt(10))
        assert (found.differing, found.only_first, found.only_second) == (0, 0, 0)


def test_definitions_are_found_with_their_sources_and_marks(visitor: Visitor) -> None:
    page = visitor.get("/definitions?text=inactive&mark=verified")
    assert "Clinically inactive disease, revised 2015" in page.text
    page = visitor.get("/definitions?sort=-title&page=2")
    assert 'aria-sort="descending"' in page.text
    assert "51 to 100 of" in page.text
    page = visitor.get("/definitions/inactive_disease_2015")
    assert "Physician global activity &lt;= 0.2 cm" in page.text
    assert 'href="https://doi.org/10.1002/art.39200"' in page.text
    assert "not verified" in visitor.get("/definitions/jdm_ivig_response").text
    assert visitor.get("/definitions/nonsense").status_code == 404


def test_the_calculator_scores_and_keeps_what_was_typed(visitor: Visitor) -> None:
    values = {
        "before.physician_global": "6", "after.physician_global": "3",
        "before.patient_global": "5", "after.patient_global": "3.5",
        "before.mmt8": "56", "after.mmt8": "68", "before.chaq": "1.5", "after.chaq": "0.75",
        "before.creatine_kinase": "1800", "after.creatine_kinase": "450",
        "limit.creatine_kinase": "200",
        "before.extramuscular_global": "3", "after.extramuscular_global": "1.5",
    }  # fmt: skip
    words = list_words(visitor.post("/calculator", data=values).text)
    assert "62.5 points: Moderate" in words
    assert "Next degree: major from 70 points, 7.5 more" in words
    page = visitor.post("/calculator", data={**values, "after.mmt8": "200"})
    assert page.status_code == 422
    assert 'value="200"' in page.text
    page = visitor.post("/calculator", data={"table": "<b>,\x00"})
    assert page.status_code == 422


def test_the_calculator_converts_units_and_knows_the_scales(visitor: Visitor) -> None:
    enzyme = {"before.creatine_kinase": "30", "after.creatine_kinase": "7.5",
              "limit.creatine_kinase": "3.4", "unit.creatine_kinase": "ukat/L"}  # fmt: skip
    others = {"before.physician_global": "60", "after.physician_global": "30",
              "unit.physician_global": "mm", "before.mmt8": "100", "after.mmt8": "130"}  # fmt: skip
    page = visitor.post("/calculator", data={**enzyme, **others, "scale.mmt8": "150"})
    words = list_words(page.text)
    for said in (
        "Creatine kinase, baseline: 30 ukat/L = 1800 U/L",
        "Creatine kinase, now: 7.5 ukat/L = 450 U/L",
        "Creatine kinase, upper limit of normal: 3.4 ukat/L = 204 U/L",
        "Physician global activity, baseline: 60 mm = 6 cm",
        "Most abnormal muscle enzyme U/L 1800 450",
    ):
        assert said in words
    assert "<option selected>ukat/L</option>" in page.text
    assert '<option value="150" selected>' in page.text
    same = {"before.creatine_kinase": "1800", "after.creatine_kinase": "450",
            "limit.creatine_kinase": "204", "unit.creatine_kinase": "U/L"}  # fmt: skip
    plain = list_words(visitor.post("/calculator", data={**same, **others}).text)
    assert "from 0 to 80" in plain  # the scale has to be said
    in_cm = {"before.physician_global": "6", "after.physician_global": "3"}
    plain = list_words(visitor.post("/calculator", data={**same, **in_cm}).text)
    assert "Most abnormal muscle enzyme U/L 1800 450 44.1 % 7.5 / 7.5" in words
    assert "Most abnormal muscle enzyme U/L 1800 450 44.1 % 7.5 / 7.5" in plain
    assert "Converted" not in plain


def test_a_unit_or_scale_that_there_is_not_is_the_measures_own(visitor: Visitor) -> None:
    values = {"before.mmt8": "56", "after.mmt8": "68", "before.physician_global": "6",
              "after.physician_global": "3"}  # fmt: skip
    wrong = {"unit.physician_global": "parsec", "unit.mmt8": "cm", "scale.mmt8": "999"}
    page = visitor.post("/calculator", data={**values, **wrong})
    assert page.status_code == 200
    assert "Converted" not in page.text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("report.html", "text/html"), ("results.csv", "text/csv"), ("findings.csv", "text/csv"),
     ("response.csv", "text/csv"), ("manifest.json", "application/json"),
     ("results.parquet", "application/vnd.apache.parquet")],
)  # fmt: skip
def test_files_are_taken_away(visitor: Visitor, name: str, kind: str) -> None:
    answer = visitor.get(f"{RUN}/files/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.content


@pytest.mark.parametrize(
    "name", ["..%2fseven-2%2fmanifest.json", "trace", "nothing.csv", "notes.txt"]
)
def test_no_other_file_is_taken_away(visitor: Visitor, folder: Path, name: str) -> None:
    (folder / "runs" / "seven-1" / "notes.txt").write_text("not of the run")
    assert visitor.get(f"{RUN}/files/{name}").status_code == 404


def test_a_report_that_is_a_link_is_not_shown(tmp_path: Path, folder: Path) -> None:
    shutil.copytree(folder / "runs" / "seven-1", tmp_path / "work" / "runs" / "seven-1")
    report = tmp_path / "work" / "runs" / "seven-1" / "report.html"
    report.unlink()
    report.symlink_to("/etc/passwd")
    with visiting(tmp_path / "work") as one:
        assert one.get(f"{RUN}/report").status_code == 404
        assert one.get(f"{RUN}/files/report.html").status_code == 404


def test_the_report_stands_in_a_sandbox(visitor: Visitor) -> None:
    policy = visitor.get(f"{RUN}/report").headers["content-security-policy"]
    assert "sandbox" in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    script = re.search(r"script-src ([^;]*)", policy)
    assert script is None or "unsafe" not in script.group(1)


def test_findings_are_filtered_and_taken_away(visitor: Visitor) -> None:
    page = visitor.get(f"{RUN}/findings?rule=partial_date_placed")
    assert "1 to 2 of 2" in page.text
    assert "Nothing found." in visitor.get(f"{RUN}/findings?severity=error").text
    answer = visitor.get(f"{RUN}/findings/csv?rule=partial_date_placed")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {row["rule"] for row in rows} == {"partial_date_placed"}
    assert visitor.get(f"{RUN}/findings/exe").status_code == 404


def test_a_run_is_watched_to_its_end(tmp_path: Path) -> None:
    with visiting(tmp_path / "work") as one:
        one.post("/example", data={"example": "seven_children"})
        page = one.post("/studies/seven-children/run")
        assert '<noscript><meta http-equiv="refresh"' in page.text
        name = page.url.path.rpartition("/")[2]
        events = one.get(f"/jobs/{name}/events")
        assert events.headers["content-type"].startswith("text/event-stream")
        assert "Evaluating the children" in events.text or "Reading" in events.text
        assert '"status": "done"' in events.text.splitlines()[-2]
        page = one.get(f"/jobs/{name}")
        assert page.url.path == f"/runs/{name}"
        assert "Improved while receiving IVIG" in page.text


def test_languages_are_chosen_by_setting_then_by_browser() -> None:
    known = ["en", "zh_TW"]
    assert choose_language("", "de-DE,de;q=0.9", known) == "en"
    assert choose_language("", "zh-TW", known) == "zh_TW"
    assert choose_language("", "fr,zh-TW;q=0.5", known) == "zh_TW"
    assert choose_language("zh_TW", "en", known) == "zh_TW"
    assert choose_language("xx_../..", "en", known) == "en"


def test_styles_are_moved_and_texts_are_left() -> None:
    html = '<b class="x" style="top:1.5%">a &lt;i style=&#34;x&#34;&gt;</b><i style="a{}"></i>'
    moved = move_styles(html)
    assert moved.html == (
        '<b class="x moved-0">a &lt;i style=&#34;x&#34;&gt;</b><i style="a{}"></i>'
    )
    assert moved.style == ".moved-0{top:1.5%}"
