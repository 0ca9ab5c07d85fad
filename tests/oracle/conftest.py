"""R, run live: the oracle of the estimates."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ANSWER_SCRIPTS = Path(__file__).parent / "answer_scripts.R"


@pytest.fixture(scope="session")
def run_r(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Run an R script and return what it prints; without R a loud skip, in CI a failure.

    R is started once, since starting it and loading a package takes longer than most scripts;
    each script runs in a fork and knows nothing of the others.
    """
    if shutil.which("Rscript") is None:
        message = "Rscript is missing: install r-base-core and the packages that .ci/run names"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    path = tmp_path_factory.mktemp("r") / "script.R"
    with subprocess.Popen(
        ["Rscript", "--vanilla", ANSWER_SCRIPTS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        asked, answered = process.stdin, process.stdout
        assert asked is not None
        assert answered is not None

        def run(script: str) -> str:
            path.write_text(script, encoding="utf-8")
            asked.write(f"{path}\n")
            asked.flush()
            answer = answered.readline().strip()
            printed = path.with_suffix(".R.out").read_text(encoding="utf-8")
            assert answer == "done", printed
            return printed

        yield run
        asked.close()
