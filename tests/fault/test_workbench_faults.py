"""The workbench when something breaks: nothing that it said was saved is lost, and it says so."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import UploadFile
from tests.unit.workbench_client import Visitor, visiting

from heliotrope.errors import UserError
from heliotrope.workbench import jobs as jobs_module
from heliotrope.workbench import receiving, saving
from heliotrope.workbench.saving import save_text

VISITS = b"patient_id,date,measure,value\nP1,2020-01-01,cmas,40\n"
SLEEP = ("-c", "import sys, time; sys.stdin.readline(); time.sleep(60)")
SAVE_FOREVER = """
import sys
from pathlib import Path
from heliotrope.workbench.saving import save_text
path, number = Path(sys.argv[1]), 0
while True:
    number += 1
    save_text(path, f"{number}\\n" * 20_000)
    print(number, flush=True)
"""


@dataclass
class Server:
    """A workbench in a process of its own."""

    process: subprocess.Popen[str]
    client: httpx.Client
    csrf: str
    port: int

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def cookie(self) -> str:
        """The cookie of its session."""
        return "; ".join(f"{item.name}={item.value}" for item in self.client.cookies.jar)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Start a workbench and open it; it ends with the block, however."""
    command = [sys.executable, "-m", "heliotrope", "serve", "--no-open", "--workspace", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder.parent)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        address = process.stdout.readline().strip()
        port = int(re.search(r":(\d+)/", address).group(1))  # type: ignore[union-attr]
        own = {"sec-fetch-site": "same-origin"}
        with httpx.Client(headers=own, follow_redirects=True, timeout=60) as client:
            client.base_url = f"http://127.0.0.1:{port}"  # type: ignore[assignment]
            page = client.get(address)
            assert page.status_code == 200
            csrf = re.search(r"csrf=([\w-]+)", page.text).group(1)  # type: ignore[union-attr]
            yield Server(process, client, csrf, port)
    finally:
        process.kill()
        process.wait()


def wait_until(holds: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Visitor]:
    with visiting(tmp_path / "work") as one:
        one.post("/example", data={"example": "seven_children"})
        yield one


def fill_the_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_save_that_is_killed_leaves_one_whole_version(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    for _ in range(3):
        command = [sys.executable, "-c", SAVE_FOREVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = [int(process.stdout.readline()) for _ in range(5)]
            process.kill()
            said += [int(line) for line in process.stdout]
        lines = path.read_text().splitlines()
        assert len(lines) == 20_000
        assert len(set(lines)) == 1
        assert int(lines[0]) >= said[-1]


def test_what_it_said_was_saved_is_there_after_it_was_killed(tmp_path: Path) -> None:
    with serving(tmp_path / "work") as server:
        files = [("files", ("assessment.csv", VISITS))]
        data = {"title": "ward"}
        page = server.client.post(f"/upload?csrf={server.csrf}", data=data, files=files)
        assert page.url.path == "/studies/ward"
        data = {"text": 'title = "Ward 7"', "revision": ""}
        page = server.client.post(f"/studies/ward/mapping?csrf={server.csrf}", data=data)
        assert "Saved." in page.text
        server.kill()
    with serving(tmp_path / "work") as server:
        assert "Ward 7" in server.client.get("/studies/ward").text


def test_a_run_does_not_outlive_its_workbench_and_is_said_to_be_interrupted(tmp_path: Path) -> None:
    work = tmp_path / "work"
    with serving(work) as server:
        server.client.post(f"/example?csrf={server.csrf}", data={"example": "seven_children"})
        server.client.post(f"/studies/seven-children/run?csrf={server.csrf}", data={"model": "1"})
        partial = work / "runs" / "seven-children-run-1.partial"
        wait_until(partial.exists)
        children = _list_children(server.process.pid)
        assert children
        server.kill()
    wait_until(lambda: not any(_is_alive(child) for child in children))
    with serving(work) as server:
        page = server.client.get("/jobs/seven-children-run-1")
        assert "Interrupted when the workbench ended" in page.text
        assert not partial.exists()
        assert server.client.get("/runs/seven-children-run-1").status_code == 404


def _list_children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, ppid = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(ppid) == parent and state != "Z":
            found.append(int(stat.parent.name))
    return found


def _is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_an_upload_that_breaks_off_leaves_nothing_and_is_said(tmp_path: Path) -> None:
    with serving(tmp_path / "work") as server:
        head = (
            f"POST /upload?csrf={server.csrf} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Cookie: {server.cookie()}\r\nSec-Fetch-Site: same-origin\r\n"
            "Content-Length: 100000\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
            'Content-Disposition: form-data; name="files"; filename="assessment.csv"\r\n\r\n'
        )
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            line.sendall(head.encode() + VISITS)
            time.sleep(0.3)
        said = "An upload was interrupted; nothing of it was kept."
        wait_until(lambda: said in server.client.get("/").text)
        assert said not in server.client.get("/").text
    assert list((tmp_path / "work" / "studies").iterdir()) == []
    assert list((tmp_path / "work" / "incoming").iterdir()) == []


def test_a_full_disk_keeps_what_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "study.toml"
    save_text(path, "old\n")
    monkeypatch.setattr(saving.os, "fsync", fill_the_disk)
    with pytest.raises(UserError, match="room on the disk"):
        save_text(path, "new\n")
    assert path.read_text() == "old\n"
    assert [item.name for item in tmp_path.iterdir()] == ["study.toml"]


def test_a_full_disk_is_said_and_nothing_typed_is_lost(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visitor.get("/studies/seven-children/mapping")
    revision = re.findall(r'name="revision" value="(\w+)"', page.text)[0]
    path = visitor.workspace.folder / "studies" / "seven-children" / "study.toml"
    before = path.read_text()
    monkeypatch.setattr(saving.os, "fsync", fill_the_disk)
    data = {"text": 'title = "Mine"', "revision": revision}
    page = visitor.post("/studies/seven-children/mapping", data=data)
    assert page.status_code == 422
    assert "the disk is full" in page.text
    assert "title = &#34;Mine&#34;" in page.text
    assert path.read_text() == before


def test_an_upload_onto_a_full_disk_leaves_the_old_study(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = visitor.workspace.folder / "studies" / "seven-children"
    before = (home / "assessment.csv").read_bytes()
    monkeypatch.setattr(receiving.shutil, "copyfileobj", fill_the_disk)
    files = [("files", ("assessment.csv", VISITS))]
    page = visitor.post("/studies/seven-children/files", files=files)
    assert page.status_code == 422
    assert "the disk is full" in page.text
    assert (home / "assessment.csv").read_bytes() == before
    assert list(visitor.workspace.incoming.iterdir()) == []


def test_a_disk_that_is_full_before_everything_has_arrived(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fill(*_: object) -> None:
        fill_the_disk()

    monkeypatch.setattr(UploadFile, "write", fill)
    page = visitor.upload({"assessment.csv": VISITS})
    assert page.status_code == 422
    assert "the disk is full" in page.text
    assert [place.name for place in visitor.workspace.list_places("study")] == ["seven-children"]


def test_a_killed_process_is_said_and_nothing_of_it_stays(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "WORK", SLEEP)
    others = _list_children(os.getpid())
    page = visitor.post("/studies/seven-children/run")
    partial = visitor.workspace.folder / "runs" / "seven-children-run-1.partial"
    partial.mkdir()
    (child,) = set(_list_children(os.getpid())).difference(others)
    os.kill(child, signal.SIGKILL)
    page = visitor.wait(page)
    assert "ended from outside (code -9)" in page.text
    wait_until(lambda: not partial.exists())
    assert "killed" in visitor.get("/studies/seven-children").text


def test_a_run_is_cancelled(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "WORK", SLEEP)
    others = _list_children(os.getpid())
    visitor.post("/studies/seven-children/run")
    again = visitor.post("/studies/seven-children/check")
    assert again.url.path == "/jobs/seven-children-run-1"
    page = visitor.post("/jobs/seven-children-run-1/cancel")
    assert "Cancelled; nothing of it was kept" in page.text
    wait_until(lambda: set(_list_children(os.getpid())) <= set(others))
    monkeypatch.undo()
    page = visitor.wait(visitor.post("/studies/seven-children/check"))
    assert page.url.path == "/studies/seven-children/findings"


def test_a_fault_of_the_study_is_three_lines(visitor: Visitor) -> None:
    home = visitor.workspace.folder / "studies" / "seven-children"
    (home / "infusion.csv").write_text("patient_id,when\nS01,2020-01-01\n")
    page = visitor.wait(visitor.post("/studies/seven-children/run"))
    assert "Stopped at a fault of the study" in page.text
    for word in ("Expected", "Found", "To do"):
        assert word in page.text


def test_without_its_packages_it_says_how_to_install_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from heliotrope.workbench.serve import ServeOptions, serve

    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(UserError) as caught:
        serve(None, ServeOptions(tmp_path / "work", tmp_path), print)
    assert caught.value.exit_code == 4
    assert "pip install 'heliotrope[workbench]'" in caught.value.to_do


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    from heliotrope.workbench.serve import ServeOptions, listen, serve

    with listen(0) as taken:
        options = ServeOptions(tmp_path / "work", tmp_path, taken.getsockname()[1])
        with pytest.raises(UserError, match="a free port"):
            serve(None, options, print)


def test_it_listens_on_the_loopback_alone() -> None:
    from heliotrope.workbench.serve import listen

    with listen(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_a_workspace_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    from heliotrope.workbench.serve import make_folder

    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        make_folder(tmp_path / "file" / "work")
    assert caught.value.exit_code == 4
    shutil.rmtree(tmp_path / "file", ignore_errors=True)
