"""Workers get an environment of their own; the process that starts them keeps its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heliotrope.execution.pool import WORKER_ENVIRONMENT, WorkerPool


def write_environment(path: Path) -> None:
    path.write_text("\n".join(os.environ.get(name, "") for name in WORKER_ENVIRONMENT))


@pytest.mark.parametrize("before", [None, "3"])
def test_a_worker_has_its_environment_and_this_process_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    for name in WORKER_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
        if before is not None:
            monkeypatch.setenv(name, before)
    seen = tmp_path / "seen"
    assert WorkerPool(write_environment, 1).run([seen], lambda: None) == []
    assert seen.read_text().split("\n") == list(WORKER_ENVIRONMENT.values())
    assert all(os.environ.get(name) == before for name in WORKER_ENVIRONMENT)
