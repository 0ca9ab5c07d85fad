"""The process that checks or runs a study, or exports a run, so that the pages answer meanwhile.

``python -m heliotrope.workbench.work`` reads its order as one line of JSON from its standard
input and says on its standard output, a line of JSON each, what it is at and what it came to. It
ends when its input is closed: a workbench that dies leaves no process behind.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heliotrope.errors import Found, UserError, locate_fault

FINDINGS, CHECK_FILE = "findings.parquet", "check.json"


def main() -> None:
    """Do what is ordered, and say how it ended."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _tell("done", result=_do(order))
    except UserError as error:
        _tell("fault", fault=[error.expected, str(error.found), error.to_do])
    except OSError as error:
        reason = UserError(
            "a file or folder that can be read and written",
            Found(error.strerror or type(error).__name__),
            "check the rights and the free space, then try again",
        )
        _tell("fault", fault=[reason.expected, str(reason.found), reason.to_do])
    except BaseException as error:  # a panic of a compiled library is no Exception
        place = locate_fault(error)
        _tell(
            "fault",
            fault=[
                "a study that heliotrope can evaluate",
                f"a fault of its own: {type(error).__name__} in {place}",
                "report it with this message and the version; it names no patient",
            ],
        )


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _do(order: dict[str, Any]) -> dict[str, Any]:
    from heliotrope.workbench.confine import read_confined_study
    from heliotrope.workbench.workspace import Place

    if order["kind"] == "export":
        from heliotrope.workbench.make_export import make_export

        _tell("step", step="write", done=0, total=0)
        return make_export(order)
    path, root = Path(order["path"]), Path(order["root"])
    read_confined_study(Place("study", "study", path, root, is_opened=True))
    return _check(path, Path(order["out"])) if order["kind"] == "check" else _run(path, order)


def _check(path: Path, out: Path) -> dict[str, Any]:
    """Check a study and keep its findings in a folder, the summary last."""
    from heliotrope.pipeline import check_study

    _tell("step", step="read", done=0, total=0)
    summary = check_study(path)
    out.mkdir(parents=True, exist_ok=True)
    content = summary.to_json()
    del content["findings"]
    (out / CHECK_FILE).unlink(missing_ok=True)
    summary.findings.write_parquet(out / FINDINGS)
    (out / CHECK_FILE).write_text(json.dumps(content), encoding="utf-8")
    return {"findings": summary.counts}


def _run(path: Path, order: dict[str, Any]) -> dict[str, Any]:
    from heliotrope.execution.pool import count_cores
    from heliotrope.pipeline import RunOptions, run_study

    options = RunOptions(
        model=bool(order["options"]["model"]),
        workers=count_cores(),
        language=order["language"],
    )
    summary = run_study(path, Path(order["out"]), options, _make_progress())
    return {"sentences": list(summary.sentences), "findings": dict(summary.findings)}


def _make_progress() -> Callable[[str, int, int], None]:
    return lambda step, done, total: _tell("step", step=step, done=done, total=total)


def _tell(what: str, **content: Any) -> None:
    sys.stdout.write(json.dumps({"is": what, **content}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
