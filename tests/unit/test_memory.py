"""A table that is held whole is refused before it is read, where the memory cannot hold it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from heliotrope.errors import ExitCode, UserError
from heliotrope.ingest import memory
from heliotrope.ingest.memory import LEAST_FOR_A_BYTE, check_memory

GIB = 2**30


@pytest.mark.parametrize(
    ("size", "free", "is_refused"),
    [
        (2 * GIB, [4 * GIB], True),
        (2 * GIB, [2 * GIB * LEAST_FOR_A_BYTE], False),
        (2 * GIB, [900 * GIB, GIB], True),
        (2 * GIB, [], False),
        (1000, [1000], False),
    ],
)
def test_the_least_limit_counts(monkeypatch, size, free, is_refused):
    monkeypatch.setattr(memory, "_list_limits", lambda: iter(free))
    if not is_refused:
        check_memory(size, "big.csv")
        return
    with pytest.raises(UserError, match="whose rows are all held") as refusal:
        check_memory(size, "big.csv")
    assert refusal.value.exit_code is ExitCode.ENVIRONMENT


@pytest.mark.parametrize("name", ["assessment.csv", "data.csv"])
def test_a_large_file_on_a_small_memory_is_an_error_in_words(tmp_path, name):
    """Of 2 GB nothing is read: the file has no content, only a size."""
    with (tmp_path / name).open("wb") as file:
        file.write(b"patient_id,redcap_event_name,visit_complete\nP01,a,2\n")
        file.truncate(2 * 10**9)
    form = 'form = "redcap"\n' if name == "data.csv" else 'table = "assessment"\n'
    (tmp_path / "study.toml").write_text(f'[[source]]\nfile = "{name}"\n{form}')
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30));"
        "from heliotrope.cli import main; sys.argv = ['heliotrope', 'check', sys.argv[1]];"
        "from heliotrope.ingest.tabular import large; large.LARGE = 1 << 40; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    assert done.returncode == int(ExitCode.ENVIRONMENT)
    assert "whose rows are all held" in " ".join(said.split())
    assert "Traceback" not in said
