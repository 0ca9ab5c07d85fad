"""Tables and messages of the terminal: what they say, and that source text stays text."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from heliotrope.errors import ExitCode, UserError
from heliotrope.run.summary import TableFate
from heliotrope.terminal.arguments import read_numbers, read_pairs
from heliotrope.terminal.progress import open_in_browser, show_progress
from heliotrope.terminal.run import (
    count_findings,
    print_accounting,
    print_findings,
    print_tables,
)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=160, highlight=False)


def _said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_accounting_shows_rows_cells_and_the_rule_that_ignored(console: Console) -> None:
    row = {
        "file": "labs.csv",
        "sheet": None,
        "rows_in": 1200,
        "rows_used": 1190,
        "rows_ignored": 4,
        "rows_quarantined": 6,
        "cells_in": 6000,
        "cells_used": 5000,
        "cells_ignored": 970,
        "cells_quarantined": 30,
        "ignored_by_rule": "duplicated_row: 4",
    }
    print_accounting(console, [row])
    words = _said(console).split()
    assert words[words.index("rows") + 1 : words.index("rows") + 5] == ["1,200", "1,190", "4", "6"]
    assert words[words.index("cells") + 1 : words.index("cells") + 3] == ["6,000", "5,000"]
    assert "labs.csv: ignored duplicated_row: 4" in _said(console)


def test_each_table_says_what_it_holds_and_what_was_set_aside(console: Console) -> None:
    tables = {
        "patient": TableFate(7, {}),
        "assessment": TableFate(1200, {"unreadable_date": 2, "unknown_measure": 1}),
        "event": TableFate(0, {}),
    }
    print_tables(console, tables)
    said = _said(console)
    assert "assessment      1,200  unreadable date 2, unknown measure 1" in said
    assert "event" not in said


def test_a_study_of_which_nothing_was_made_says_so(console: Console) -> None:
    print_tables(console, {"patient": TableFate(0, {})})
    assert _said(console) == "No row was made of these records.\n"


def test_a_finding_names_its_place_and_obeys_no_markup(console: Console) -> None:
    finding = {
        "severity": "error",
        "rule": "unknown_measure",
        "file": "visits.csv",
        "row": 7,
        "column": "measure",
        "found": "[red]ck[/red]",
        "expected": "a known measure",
        "suggestion": "did you mean creatine_kinase?",
    }
    print_findings(console, [finding])
    said = _said(console)
    assert "error  visits.csv, row 7, column measure  unknown measure" in said
    assert "found: [red]ck[/red]" in said
    assert "to do: did you mean creatine_kinase?" in said


def test_findings_are_counted_worst_first() -> None:
    counted = count_findings({"info": 12, "error": 1})
    assert counted.plain == "Data findings: 1 error, 0 warnings, 12 remarks"


@pytest.mark.parametrize("text", ["ck", "=170", "ck=", "ck=a lot"])
def test_an_argument_that_is_no_pair_is_a_usage_error(text: str) -> None:
    with pytest.raises(UserError) as caught:
        read_numbers("--upper-limit", [text])
    assert caught.value.exit_code == ExitCode.USAGE


def test_the_last_of_a_repeated_argument_counts() -> None:
    assert read_pairs("--unit", ["ck=U/L", "ck=ukat/L"]) == {"ck": "ukat/L"}


def test_no_progress_is_shown_where_nobody_watches() -> None:
    with show_progress(quiet=True) as progress:
        assert progress is None


def test_no_browser_is_opened_where_nobody_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    assert not open_in_browser(tmp_path / "report.html", wanted=None)
    assert not open_in_browser(tmp_path / "report.html", wanted=False)
    assert opened == []
    assert open_in_browser(tmp_path / "report.html", wanted=True)
    assert opened == [(tmp_path / "report.html").as_uri()]


def test_many_files_of_which_nothing_is_used_are_one_line(console: Console) -> None:
    def row(name: str, used: int, rule: str) -> dict[str, object]:
        counts = {f"cells_{what}": 0 for what in ("in", "used", "ignored", "quarantined")}
        rows = {"rows_in": 9, "rows_used": used, "rows_ignored": 9 - used, "rows_quarantined": 0}
        return {"file": "all.zip", "sheet": name, "ignored_by_rule": rule, **rows, **counts}

    listed = [row("lb.xpt", 9, ""), *(row(f"x{n}.xpt", 0, "domain_not_used: 9") for n in range(14))]
    print_accounting(console, listed)
    said = " ".join(_said(console).split())
    assert "all.zip/lb.xpt rows 9 9 0 0" in said
    assert "x3.xpt" not in said
    assert "Nothing used of 14 more files, 126 rows: domain not used in 14." in said
