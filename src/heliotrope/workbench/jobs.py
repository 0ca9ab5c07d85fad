"""Checks and runs at work: started, watched, cancelled; what became of each is kept in a file."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from heliotrope.errors import UserError
from heliotrope.report.language import _, get_language
from heliotrope.workbench.saving import save_text
from heliotrope.workbench.workspace import NAME, Place, Workspace

Status = Literal["running", "done", "failed", "cancelled", "killed", "interrupted"]
JobKind = Literal["check", "run", "export"]

SECONDS_TO_END = 5.0
WORK = ("-m", "heliotrope.workbench.work")


@dataclass(frozen=True)
class Job:
    """A check, a run or an export: what it is at, or what became of it.

    name: of a run, that of its folder, too. study: the name of the study; of an export, that of
    the run. what: which export. fault: expected, found, to do. result: what the process said at
    its end.
    """

    name: str
    kind: JobKind
    study: str
    status: Status = "running"
    started: str = ""
    step: str = ""
    done: int = 0
    total: int = 0
    what: str = ""
    fault: tuple[str, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether it is still at work."""
        return self.status == "running"


@dataclass(frozen=True)
class Order:
    """What a job is to do. what: which export. options: what its form said."""

    kind: JobKind
    what: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


class Jobs:
    """The jobs of one workbench; one a study or run at a time."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.RLock()
        self._running: dict[str, Job] = {}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._cancelled: set[str] = set()

    def recover(self) -> None:
        """Say of jobs that a killed workbench left at work that they were interrupted."""
        for path in sorted((self._workspace.folder / "jobs").glob("*.json")):
            job = self.find(path.stem)
            if job is not None and job.is_running:
                self._save(replace(job, status="interrupted"))

    def find(self, name: str) -> Job | None:
        """Find a job by its name."""
        with self._lock:
            if name in self._running:
                return self._running[name]
        return self._find_saved(name)

    def list_of(self, study: str) -> list[Job]:
        """List the jobs of a study, the newest first."""
        names = {path.stem for path in (self._workspace.folder / "jobs").glob("*.json")}
        found = [job for name in names if (job := self.find(name)) and job.study == study]
        return sorted(found, key=lambda job: (job.started, job.name), reverse=True)

    def start(self, place: Place, order: Order) -> Job:
        """Start a job; one that is at work for the same study or run already is given back."""
        with self._lock:
            busy = self._find_running(place.name)
            if busy is not None:
                return busy
            name = self._workspace.make_job_name(place.name, order.what or order.kind)
            out = self._choose_out(place, order, name)
            job = Job(name, order.kind, place.name, started=_now(), what=order.what)
            self._save(job)
            said = {"path": str(place.path), "root": str(place.root), "out": str(out)}
            process = _start_process({**asdict(order), **said, "language": get_language()})
            self._running[name], self._processes[name] = job, process
        threading.Thread(target=self._watch, args=(name, process, out), daemon=True).start()
        return job

    def _choose_out(self, place: Place, order: Order, name: str) -> Path:
        """Choose the file or folder that a job makes."""
        match order.kind:
            case "check":
                return self._workspace.check_folder(place.name)
            case "run":
                return self._workspace.run_folder(name)
            case "export":
                return self._workspace.export_folder(place.name) / order.what

    def _find_running(self, place: str) -> Job | None:
        jobs = self._running.values()
        return next((job for job in jobs if job.study == place and job.is_running), None)

    @contextlib.contextmanager
    def keep_idle(self, place: str) -> Iterator[Job | None]:
        """Keep jobs of a study or run from starting; one that is at work already is given."""
        with self._lock:
            yield self._find_running(place)

    def forget(self, place: str) -> None:
        """Remove what is noted of the jobs of a study or run; none of them may be at work."""
        for job in self.list_of(place):
            self.forget_one(job.name)

    def forget_one(self, name: str) -> None:
        """Remove what is noted of a job that has ended."""
        with self._lock:
            self._running.pop(name, None)
            self._workspace.job_file(name).unlink(missing_ok=True)

    def cancel(self, name: str) -> None:
        """End a job's process and all that it started."""
        with self._lock:
            process = self._processes.get(name)
            if process is None:
                return
            self._cancelled.add(name)
        _end_process(process)

    def stop(self) -> None:
        """End everything that is at work."""
        for name in list(self._processes):
            self.cancel(name)

    def wait(self, name: str, seconds: float) -> Job | None:
        """Wait for a job to end; for tests and for an orderly stop."""
        process = self._processes.get(name)
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
        deadline = threading.Event()
        for _try in range(int(seconds * 20)):
            job = self.find(name)
            if job is None or not job.is_running:
                return job
            deadline.wait(0.05)
        return self.find(name)

    def _watch(self, name: str, process: subprocess.Popen[str], out: Path) -> None:
        """Follow a process to its end, whichever it is."""
        ended: dict[str, Any] = {}
        assert process.stdout is not None
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if said["is"] == "step":
                    with self._lock:
                        self._running[name] = replace(
                            self._running[name],
                            **{key: said[key] for key in ("step", "done", "total")},
                        )
                else:
                    ended = said
        code = process.wait()
        with self._lock:
            job = self._conclude(self._running[name], ended, code)
        if job.status != "done" and job.kind != "check":
            shutil.rmtree(out.with_name(f"{out.name}.partial"), ignore_errors=True)
        with contextlib.suppress(UserError):  # a full disk: it is said as long as this runs
            self._save(job)
        with self._lock:
            self._processes.pop(name)
            self._running.pop(name)
            if self._find_saved(name) != job:
                self._running[name] = job

    def _find_saved(self, name: str) -> Job | None:
        """Read what stands of a job in its file."""
        if not NAME.fullmatch(name):
            return None
        try:
            content = json.loads(self._workspace.job_file(name).read_text("utf-8"))
            return Job(**{**content, "fault": tuple(content["fault"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _conclude(self, job: Job, ended: Mapping[str, Any], code: int) -> Job:
        if job.name in self._cancelled:
            return replace(job, status="cancelled")
        if ended.get("is") == "done":
            return replace(job, status="done", result=ended["result"])
        if ended.get("is") == "fault":
            return replace(job, status="failed", fault=tuple(ended["fault"]))
        fault = (
            _("a process that comes to its end"),
            _("it was ended from outside (code {code})").format(code=code),
            _("the machine may have run out of memory: close other programs and start it again"),
        )
        return replace(job, status="killed", fault=fault)

    def _save(self, job: Job) -> None:
        text = json.dumps(asdict(job), ensure_ascii=False, indent=1)
        save_text(self._workspace.job_file(job.name), text + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _start_process(order: Mapping[str, Any]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, *WORK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        start_new_session=os.name == "posix",
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(dict(order)) + "\n")
    process.stdin.flush()
    return process


def _end_process(process: subprocess.Popen[str]) -> None:
    """End a process and its children; first asked, then made to."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(process.pid, number)
            else:
                process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS_TO_END)
            return
