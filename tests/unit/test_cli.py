"""What a newcomer sees: help, mistakes, exit codes; never a traceback."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path

import pytest

from heliotrope import __version__, cli
from heliotrope.errors import ExitCode, UserError
from heliotrope.terminal.faults import describe_fault

COMMANDS = [
    "demo",
    "init",
    "check",
    "run",
    "explain",
    "compare",
    "score",
    "simulate",
    "share",
    "pool",
    "verify",
    "definitions",
]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Call the command line as the shell does; gives exit code, output and error output."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["heliotrope", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return run


def test_help_names_every_command(call) -> None:
    code, out, _ = call("--help")
    assert code == ExitCode.DONE
    for command in COMMANDS:
        assert f"\n  {command} " in out
    assert "..." not in out.split("Commands:")[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(call, command: str) -> None:
    code, out, _ = call(command, "--help")
    assert code == ExitCode.DONE
    assert f"Usage: heliotrope {command}" in out


def test_version(call) -> None:
    assert call("--version") == (0, f"heliotrope {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["run"], ["run", "somewhere"], ["explain", "run"], ["check", "a", "b"]],
)
def test_a_wrong_command_line_is_a_usage_error(call, arguments: list[str]) -> None:
    code, _, err = call(*arguments)
    assert code == ExitCode.USAGE
    assert "Usage:" in err
    assert "Traceback" not in err


def test_an_unknown_engine_is_refused_before_anything_is_read(call, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    code, _, err = call("run", str(tmp_path / "none"), "--out", run, "--engine", "abacus")
    assert code == ExitCode.USAGE
    assert "abacus" in err


def test_a_folder_that_is_no_run_gets_three_lines(call, tmp_path: Path) -> None:
    code, _, err = call("explain", str(tmp_path), "C-01")
    assert code == ExitCode.USAGE
    assert [line.split(":")[0] for line in err.splitlines()] == ["Expected", "Found", "To do"]


def test_definitions_are_listed_as_json(call) -> None:
    code, out, _ = call("definitions", "list", "--json")
    assert code == ExitCode.DONE
    listed = {item["id"]: item for item in json.loads(out)}
    assert listed["inactive_disease_2015"]["verified"] is True
    assert listed["tis_jdm_imacs"]["verified"] is False


def test_a_definition_is_shown_with_wording_parameters_and_sources(call) -> None:
    code, out, _ = call("definitions", "show", "inactive_disease_2015")
    assert code == ExitCode.DONE
    assert "10.1002/art.39200" in out
    assert ">= 78 (of 80)" in out
    assert "[V: read in the source named]" in " ".join(out.split())


def test_an_unknown_definition_names_the_nearest(call) -> None:
    code, _, err = call("definitions", "show", "inactive_disease")
    assert code == ExitCode.DATA
    assert "did you mean inactive_disease_20" in err


def test_a_fault_of_the_program_names_the_line_and_no_patient(call, monkeypatch) -> None:
    def fail(**_: str) -> None:
        raise KeyError("child Anna Example")

    monkeypatch.setattr(cli, "app", fail)
    code, _, err = call("check", "study")
    assert code == 1
    assert "KeyError in cli.py, line" in err
    assert "Anna" not in err
    assert "Traceback" not in err


def test_a_panic_of_a_compiled_library_is_no_traceback_either(call, monkeypatch) -> None:
    class PanicException(BaseException):
        pass

    def fail(**_: str) -> None:
        raise PanicException

    monkeypatch.setattr(cli, "app", fail)
    code, _, err = call("check", "study")
    assert code == 1
    assert "PanicException" in err


def test_a_full_disk_is_a_fault_of_the_environment() -> None:
    message, code = describe_fault(OSError(errno.ENOSPC, "No space left on device", "run.partial"))
    assert code == ExitCode.ENVIRONMENT
    assert "Found:    the disk is full (run.partial)" in message
    assert "--resume goes on from what was already done" in message


def test_a_developer_can_ask_for_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOTROPE_TRACEBACK", "1")
    assert "KeyError: 'why'" in describe_fault(KeyError("why"))[0]


@pytest.mark.parametrize(("asked", "given"), [((), 3), (("--workers", "2"), 2)])
def test_as_many_processes_as_asked_else_one_for_each_core_allowed(
    call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: tuple[str, ...], given: int
) -> None:
    from heliotrope import pipeline
    from heliotrope.execution import pool

    used = []

    def note(*arguments: object) -> None:
        used.extend(item.workers for item in arguments if isinstance(item, pipeline.RunOptions))
        raise UserError("nothing", "nothing", "nothing")

    monkeypatch.setattr(pipeline, "run_study", note)
    monkeypatch.setattr(pool.os, "sched_getaffinity", lambda _: {0, 1, 5}, raising=False)
    call("run", str(tmp_path), "--out", str(tmp_path / "run"), *asked)
    assert used == [given]


def test_no_process_is_no_number_of_processes(call, tmp_path: Path) -> None:
    code, _, err = call("run", str(tmp_path), "--out", "x", "--workers", "0")
    assert code == ExitCode.USAGE
    assert "--workers" in err
