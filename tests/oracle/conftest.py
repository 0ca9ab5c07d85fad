"""R, run live: the oracle of the estimates."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def run_r() -> Callable[[str], str]:
    """Run an R script and return what it prints; without R a loud skip, in CI a failure."""
    if shutil.which("Rscript") is None:
        message = "Rscript is missing: install r-base-core and the packages that .ci/run names"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    def run(script: str) -> str:
        done = subprocess.run(
            ["Rscript", "--vanilla", "-e", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
