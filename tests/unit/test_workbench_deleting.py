"""Studies and runs are deleted as it was said: nothing more, nothing outside, nothing at work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.unit.workbench_client import Visitor, visiting

from heliotrope.workbench import jobs as jobs_module

VISITS = b"patient_id,date,measure,value\nP1,2020-01-01,cmas,40\n"
SLEEP = ("-c", "import sys, time; sys.stdin.readline(); time.sleep(60)")


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Visitor]:
    """A workbench with a study, and a run that was made of it."""
    make_run(tmp_path / "work" / "runs" / "ward-run-1")
    jobs = tmp_path / "work" / "jobs"
    jobs.mkdir()
    for name, kind, study in (
        ("ward-run-1", "run", "ward"),
        ("ward-check-1", "check", "ward"),
        ("ward-run-1-adam-1", "export", "ward-run-1"),
    ):
        (jobs / f"{name}.json").write_text(
            f'{{"name": "{name}", "kind": "{kind}", "study": "{study}", "status": "done",'
            ' "started": "2026-01-01", "fault": []}'
        )
    with visiting(tmp_path / "work", tmp_path) as one:
        one.upload({"assessment.csv": VISITS})
        yield one


def make_run(folder: Path) -> None:
    (folder / "tables").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "tables" / "response.parquet").write_bytes(b"x" * 1000)


def list_files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() or path.is_symlink()
    }


def confirm(visitor: Visitor, path: str, page: httpx.Response | None = None) -> httpx.Response:
    page = page or visitor.get(f"{path}/delete")
    seen = re.search(r'name="seen" value="(\w+)"', page.text)
    return visitor.post(f"{path}/delete", data={"seen": seen.group(1) if seen else ""})


def test_a_study_goes_with_its_check_and_its_runs_stay(visitor: Visitor) -> None:
    work = visitor.workspace.folder
    (work / "checks" / "ward").mkdir()
    (work / "checks" / "ward" / "check.json").write_text("{}")
    before = list_files(work)
    page = visitor.get("/studies/ward/delete")
    for said in ("Delete ward?", "1 file", str(work / "studies" / "ward"), "Its last check",
                 "Its run, which is deleted on its own page: ward-run-1"):  # fmt: skip
        assert said in page.text
    assert list_files(work) == before
    page = confirm(visitor, "/studies/ward", page)
    assert page.url.path == "/"
    assert "Deleted: ward." in page.text
    assert before - list_files(work) == {
        "studies/ward/assessment.csv", "checks/ward/check.json", "jobs/ward-run-1.json",
        "jobs/ward-check-1.json",
    }  # fmt: skip
    assert list((work / "deleted").iterdir()) == []
    visitor.upload({"assessment.csv": VISITS})
    assert "ward-run-1" not in visitor.get("/studies/ward").text


def test_a_run_goes_with_what_was_made_of_it_and_its_study_stays(visitor: Visitor) -> None:
    work = visitor.workspace.folder
    (work / "exports" / "ward-run-1").mkdir()
    (work / "exports" / "ward-run-1" / "ward-run-1-adam.zip").write_bytes(b"x")
    before = list_files(work)
    page = visitor.get("/runs/ward-run-1/delete")
    assert "Its study: ward" in page.text
    assert "2 files, 1 kB" in page.text
    confirm(visitor, "/runs/ward-run-1", page)
    assert before - list_files(work) == {
        "runs/ward-run-1/manifest.json", "runs/ward-run-1/tables/response.parquet",
        "exports/ward-run-1/ward-run-1-adam.zip", "jobs/ward-run-1.json",
        "jobs/ward-run-1-adam-1.json",
    }  # fmt: skip
    assert visitor.get("/runs/ward-run-1").status_code == 404
    assert visitor.get("/studies/ward").status_code == 200


@pytest.mark.parametrize("kind", ["studies", "runs"])
def test_what_was_opened_by_its_path_stays_there(
    visitor: Visitor, tmp_path: Path, kind: str
) -> None:
    home = tmp_path / "clinic"
    if kind == "runs":
        make_run(home)
    else:
        home.mkdir()
        (home / "assessment.csv").write_bytes(VISITS)
    visitor.post("/open", data={"path": str(home)})
    before = list_files(home)
    page = visitor.get(f"/{kind}/clinic/delete")
    assert "Take clinic off the list?" in page.text
    assert f"Every file of it, where it stands: {home}" in page.text
    page = confirm(visitor, f"/{kind}/clinic", page)
    assert "Taken off the list: clinic." in page.text
    assert list_files(home) == before
    assert visitor.get(f"/{kind}/clinic").status_code == 404


def test_it_is_deleted_once_and_the_second_tab_is_told(visitor: Visitor) -> None:
    first, second = (visitor.get("/studies/ward/delete") for _ in range(2))
    confirm(visitor, "/studies/ward", first)
    page = confirm(visitor, "/studies/ward", second)
    assert page.status_code == 404
    assert "ward is not here any more: it was deleted already" in page.text
    assert visitor.get("/studies/ward/delete").status_code == 404


def test_what_has_changed_since_it_was_shown_is_shown_again(visitor: Visitor) -> None:
    page = visitor.get("/studies/ward/delete")
    visitor.post("/studies/ward/files", files=[("files", ("infusion.csv", b"patient_id,date\n"))])
    again = confirm(visitor, "/studies/ward", page)
    assert again.status_code == 409
    assert "Something of it has changed since you were asked" in again.text
    assert "2 files" in again.text
    assert visitor.get("/studies/ward").status_code == 200
    assert visitor.post("/studies/ward/delete").status_code == 409
    assert "Deleted: ward." in confirm(visitor, "/studies/ward", again).text


def test_what_is_at_work_is_stopped_first(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visitor.get("/studies/ward/delete")
    monkeypatch.setattr(jobs_module, "WORK", SLEEP)
    job = visitor.post("/studies/ward/check").url.path
    again = confirm(visitor, "/studies/ward", page)
    assert "It is at work and cannot be deleted: stop it first." in again.text
    assert f'href="{job}"' in again.text
    assert "/delete?csrf" not in again.text
    assert visitor.get("/studies/ward").status_code == 200
    visitor.post(f"{job}/cancel")
    assert "Deleted: ward." in confirm(visitor, "/studies/ward").text


def test_no_link_is_followed(visitor: Visitor, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "records.csv").write_bytes(VISITS)
    home = visitor.workspace.folder / "studies" / "ward"
    (home / "folder").symlink_to(other)
    (home / "file.csv").symlink_to(other / "records.csv")
    page = visitor.get("/studies/ward/delete")
    assert "1 file, 1 kB; 2 links, not what they lead to" in page.text
    confirm(visitor, "/studies/ward", page)
    assert not home.exists()
    assert list_files(other) == {"records.csv"}


def test_a_link_in_the_place_of_a_part_stops_it(visitor: Visitor, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "records.csv").write_bytes(VISITS)
    (visitor.workspace.folder / "checks" / "ward").symlink_to(other)
    page = confirm(visitor, "/studies/ward")
    assert page.status_code == 422
    assert "a link in its place" in page.text
    assert list_files(other) == {"records.csv"}
    assert visitor.get("/studies/ward").status_code == 200


def test_killed_in_the_middle_the_next_start_removes_the_rest(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = visitor.workspace.folder
    monkeypatch.setattr("heliotrope.workbench.deleting.clear_away", lambda _aside: None)
    confirm(visitor, "/studies/ward")
    assert list((work / "deleted").iterdir()) != []
    with visiting(work) as one:
        assert list((work / "deleted").iterdir()) == []
        page = one.get("/")
        assert "interrupted" not in page.text
        assert one.get("/studies/ward").status_code == 404


def test_an_export_that_was_cut_off_is_cleared_at_the_next_start(visitor: Visitor) -> None:
    partial = visitor.workspace.export_folder("ward-run-1") / "adam.partial"
    partial.mkdir(parents=True)
    (partial / "adsl.csv").write_text("x")
    with visiting(visitor.workspace.folder) as one:
        assert not partial.exists()
        assert one.get("/runs/ward-run-1/exports/adam").status_code == 404


def test_a_folder_that_cannot_be_changed_is_said(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    page = visitor.get("/studies/ward/delete")
    monkeypatch.setattr(Path, "rename", refuse)
    answer = confirm(visitor, "/studies/ward", page)
    assert answer.status_code == 422
    assert "Permission denied" in answer.text
    monkeypatch.undo()
    assert visitor.get("/studies/ward").status_code == 200


def test_it_is_not_deleted_by_a_link_or_without_the_token(visitor: Visitor) -> None:
    page = visitor.get("/studies/ward/delete")
    seen = re.search(r'name="seen" value="(\w+)"', page.text)
    assert seen is not None
    assert visitor.get(f"/studies/ward/delete?seen={seen.group(1)}").status_code == 200
    answer = visitor.client.post("/studies/ward/delete", data={"seen": seen.group(1)})
    assert answer.status_code == 403
    assert visitor.get("/studies/ward").status_code == 200
