"""Files in and out of the workbench: saved whole, kept in their folder, said in words."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.workbench_client import Visitor, visiting

from heliotrope.errors import UserError
from heliotrope.example_studies import find_example
from heliotrope.workbench import receiving
from heliotrope.workbench.lock import take_lock
from heliotrope.workbench.saving import (
    NEW,
    ConflictError,
    compute_revision,
    read_text,
    save_text,
)
from heliotrope.workbench.workspace import Workspace

VISITS = b"patient_id,date,measure,value\nP1,2020-01-01,cmas,40\n"


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Visitor]:
    with visiting(tmp_path / "work", tmp_path) as one:
        yield one


def pack(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def list_left(visitor: Visitor) -> list[str]:
    return [item.name for item in visitor.workspace.incoming.iterdir()]


def test_a_text_is_saved_over_the_version_that_was_edited_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    save_text(path, "id = 'a'\n", NEW)
    seen = compute_revision(read_text(path))
    save_text(path, "id = 'b'\n", seen)
    with pytest.raises(ConflictError) as caught:
        save_text(path, "id = 'c'\n", seen)
    assert caught.value.stored == "id = 'b'\n"
    with pytest.raises(ConflictError):
        save_text(path, "id = 'c'\n", NEW)
    assert [item.name for item in tmp_path.iterdir()] == ["study.toml"]
    assert path.read_text() == "id = 'b'\n"


def test_what_was_uploaded_is_a_study(visitor: Visitor) -> None:
    answer = visitor.upload({"assessment.csv": VISITS}, "Ward 7 (Kinder)")
    assert answer.url.path == "/studies/ward-7-kinder"
    home = visitor.workspace.folder / "studies" / "ward-7-kinder"
    assert (home / "assessment.csv").read_bytes() == VISITS
    assert list_left(visitor) == []
    assert "Check the records" in answer.text


def test_two_studies_of_one_name_stay_two(visitor: Visitor) -> None:
    visitor.upload({"assessment.csv": VISITS})
    assert visitor.upload({"assessment.csv": VISITS}).url.path == "/studies/ward-2"


def test_a_zip_is_unpacked_without_the_folder_around_everything(visitor: Visitor) -> None:
    packed = pack({"export/assessment.csv": VISITS, "export/own/rule.toml": b"x = 1"})
    visitor.upload({"export.zip": packed})
    home = visitor.workspace.folder / "studies" / "ward"
    found = sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    assert found == ["assessment.csv", "own/rule.toml"]


@pytest.mark.parametrize(
    "name", ["../../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "C:/evil.csv"]
)
def test_an_archive_that_climbs_out_is_refused_whole(visitor: Visitor, name: str) -> None:
    answer = visitor.upload({"export.zip": pack({"assessment.csv": VISITS, name: b"x"})})
    assert answer.status_code == 422
    assert "stay within it" in answer.text
    assert visitor.workspace.list_places("study") == []
    assert list_left(visitor) == []
    assert not list(visitor.workspace.folder.parent.rglob("evil*"))


def test_an_archive_that_swells_up_is_refused(visitor: Visitor) -> None:
    answer = visitor.upload({"bomb.zip": pack({"assessment.csv": b"0" * (32 * 1024**2)})})
    assert answer.status_code == 422
    assert "times as large as packed" in answer.text
    assert list_left(visitor) == []


def test_an_archive_of_very_many_files_is_refused(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "MOST_FILES", 3)
    packed = pack({f"{number}.csv": b"x" for number in range(4)})
    assert "at most 3 files" in visitor.upload({"many.zip": packed}).text


def test_a_link_in_an_archive_is_a_file_with_a_path_in_it(visitor: Visitor) -> None:
    link = zipfile.ZipInfo("assessment.csv")
    link.external_attr = (0o120777) << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    visitor.upload({"links.zip": packed.getvalue()})
    path = visitor.workspace.folder / "studies" / "ward" / "assessment.csv"
    assert not path.is_symlink()
    assert path.read_text() == "/etc/passwd"


def test_the_name_of_a_file_leads_nowhere(visitor: Visitor) -> None:
    visitor.upload({"../../../assessment.csv": VISITS})
    assert (visitor.workspace.folder / "studies" / "ward" / "assessment.csv").is_file()


@pytest.mark.parametrize("name", ["photo.exe", "page.html", "script.py", "noend"])
def test_a_file_of_another_kind_is_refused(visitor: Visitor, name: str) -> None:
    answer = visitor.upload({name: b"x"})
    assert answer.status_code == 422
    assert "another kind" in answer.text


def test_no_file_and_two_of_one_name_are_said(visitor: Visitor) -> None:
    assert "no file" in visitor.post("/upload", data={"title": "x"}).text
    files = [("files", ("a.csv", b"1")), ("files", ("A/a.csv", b"2"))]
    assert "two of the same name" in visitor.post("/upload", files=files).text


def test_a_corrected_file_takes_the_place_of_the_old_one(visitor: Visitor) -> None:
    visitor.upload({"assessment.csv": VISITS, "patient.csv": b"patient_id,sex\nP1,female\n"})
    better = VISITS.replace(b"40", b"41")
    answer = visitor.post("/studies/ward/files", files=[("files", ("assessment.csv", better))])
    assert "Received: assessment.csv." in answer.text
    home = visitor.workspace.folder / "studies" / "ward"
    assert (home / "assessment.csv").read_bytes() == better
    assert (home / "patient.csv").is_file()


def test_a_study_half_replaced_when_it_was_killed_is_whole_again(tmp_path: Path) -> None:
    with visiting(tmp_path / "work") as one:
        one.upload({"assessment.csv": VISITS})
        home = one.workspace.folder / "studies" / "ward"
        home.rename(home.with_name("ward.replaced"))
    with visiting(tmp_path / "work") as one:
        assert one.get("/studies/ward").status_code == 200
        assert (home / "assessment.csv").read_bytes() == VISITS


def test_what_an_upload_left_when_it_was_killed_is_gone_and_said(tmp_path: Path) -> None:
    with visiting(tmp_path / "work") as one:
        (one.workspace.incoming / "abc").mkdir()
        (one.workspace.incoming / "abc" / "visits.csv").write_bytes(VISITS)
    with visiting(tmp_path / "work") as one:
        assert list_left(one) == []
        assert "An upload was interrupted" in one.get("/").text
        assert "An upload was interrupted" not in one.get("/").text


def test_a_study_is_opened_where_it_stands(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / "clinic").mkdir()
    (tmp_path / "clinic" / "assessment.csv").write_bytes(VISITS)
    answer = visitor.post("/open", data={"path": "clinic"})
    assert answer.url.path == "/studies/clinic"
    assert (
        visitor.post("/open", data={"path": str(tmp_path / "clinic")}).url.path == "/studies/clinic"
    )


def test_a_path_outside_of_the_root_is_refused_also_by_a_link(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    with visiting(tmp_path / "work", root) as one:
        for path in ("link", "../secret", str(tmp_path / "secret"), "/etc"):
            answer = one.post("/open", data={"path": path})
            assert answer.status_code == 422, path
            assert "a path outside of it" in answer.text
        assert one.workspace.list_places("study") == []


def test_a_run_that_is_opened_holds_no_link_that_leads_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "run").mkdir(parents=True)
    (root / "run" / "manifest.json").write_text("{}")
    (root / "run" / "results.parquet").symlink_to(tmp_path / "secret.parquet")
    with visiting(tmp_path / "work", root) as one:
        answer = one.post("/open", data={"path": "run"})
        assert "leads out of it" in answer.text
        assert one.workspace.list_places("run") == []


def test_a_link_in_a_study_that_leads_out_is_not_followed(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_bytes(VISITS.replace(b"P1", b"SECRET"))
    visitor.upload({"patient.csv": b"patient_id\nP1\n"})
    home = visitor.workspace.folder / "studies" / "ward"
    (home / "assessment.csv").symlink_to(tmp_path / "secret.csv")
    answer = visitor.get("/studies/ward")
    assert "leads out of it" in answer.text
    answer = visitor.wait(visitor.post("/studies/ward/check"))
    assert "leads out of it" in answer.text
    assert "SECRET" not in answer.text


@pytest.mark.parametrize(
    "named",
    [
        '[[source]]\nfile = "../../../secret.csv"\ntable = "assessment"',
        'definitions = "../.."',
        '[[source]]\nform = "fhir"\nfile = "/etc"',
        '[[source]]\nform = "redcap"\nfile = "."\ndictionary = "../../../secret.csv"',
        '[[source]]\nfile = "a.csv"\ntable = "patient"\n[[link]]\nsource = "a.csv"\n'
        'file = "../../../secret.csv"\nfrom = "a"\nto = "b"',
        '[[source]]\nform = "omop"\nfile = "."\n[source.concept_sets]\njdm = "../../../set.json"',
    ],
)
def test_study_toml_names_no_file_outside(visitor: Visitor, tmp_path: Path, named: str) -> None:
    (tmp_path / "secret.csv").write_bytes(VISITS.replace(b"P1", b"SECRET"))
    files = {"study.toml": named.encode(), "a.csv": b"patient_id\nP1\n"}
    visitor.upload({**files, "patient.csv": b"patient_id\nP1\n"})
    answer = visitor.get("/studies/ward")
    assert "leads out of it" in answer.text
    assert "SECRET" not in answer.text


@pytest.mark.parametrize(
    "named",
    [
        'form = "omop"\ndatabase = "postgresql://example/omop"',
        'form = "omop"\ndatabase_from = "HOME"',
        'form = "redcap"\nfile = "export"\napi = "https://redcap.example/api/"',
    ],
)
def test_no_server_is_called(visitor: Visitor, named: str) -> None:
    visitor.upload({"study.toml": f"[[source]]\n{named}\n".encode()})
    assert "a source that is a server" in visitor.get("/studies/ward").text


def test_a_folder_that_is_a_link_is_no_study_of_the_workspace(visitor: Visitor) -> None:
    (visitor.workspace.folder / "studies" / "linked").symlink_to(find_example("seven_children"))
    assert visitor.get("/studies/linked").status_code == 404


def test_a_second_workbench_does_not_take_the_folder(tmp_path: Path) -> None:
    with take_lock(tmp_path), pytest.raises(UserError, match="no other workbench"):
        take_lock(tmp_path)
    take_lock(tmp_path).close()


def test_the_names_of_a_workspace(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, tmp_path)
    for title, name in [("台北 2020", "2020"), ("..", "study"), ("x" * 300, "x" * 40)]:
        assert workspace.make_name(title) == name
    for name in ("..", "a/b", "A", "", "-a", "a--b", "x" * 61, "a.replaced"):
        assert workspace.find("study", name) is None


def test_hostile_names_of_files_are_shown_as_text(visitor: Visitor) -> None:
    name = "<script>alert(1)<.csv"
    answer = visitor.upload({name: VISITS, "assessment.csv": VISITS})
    assert "<script>alert" not in answer.text
    assert os.sep not in receiving.clean_name(name)
