"""R is started once for all its scripts: each still runs as if it were alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[[str], str]


def test_a_script_knows_nothing_of_another(run_r: Run) -> None:
    run_r("x <- 1; options(digits = 3); library(splines); set.seed(1)")
    left = (
        'exists("x"), getOption("digits"), "package:splines" %in% search(), exists(".Random.seed")'
    )
    assert run_r(f"cat({left})") == "FALSE 7 FALSE FALSE"


def test_what_a_script_shows_is_printed_as_by_rscript(run_r: Run) -> None:
    assert run_r("1 + 1\ny <- 2\ncat('z')") == "[1] 2\nz"


def test_a_script_that_fails_says_why_and_the_next_one_runs(run_r: Run) -> None:
    with pytest.raises(AssertionError, match="no such thing"):
        run_r("stop('no such thing')")
    with pytest.raises(AssertionError):
        run_r("quit(status = 3)")
    assert run_r("cat(1)") == "1"
