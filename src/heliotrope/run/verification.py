"""Does a run still follow from its inputs, and every class from its trace?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from heliotrope.classify.replay import find_replay
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.settings import Settings
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.run.manifest import describe_definitions, read_manifest
from heliotrope.run.summary import VerifySummary
from heliotrope.study import read_study

Progress = Callable[[str, int, int], None]

DECISION = ["patient_id", "regimen", "definition_id", "date"]
FIRST_DISAGREEMENTS = 20


def verify_run(run: Path, progress: Progress | None = None) -> VerifySummary:
    """Hash the inputs again, and make every decision of the trace again.

    The inputs are looked for where the manifest says the study stood. Definitions are compared
    with those that are installed (and the study's own, where they still stand).
    Errors: no finished run folder: UserError.
    """
    if not (run / "manifest.json").is_file():
        raise UserError(
            "a finished run folder (it holds manifest.json)",
            Found(f"{run.name}"),
            "give the folder that `heliotrope run --out` made",
            ExitCode.USAGE,
        )
    manifest = read_manifest(run)
    folder = Path(manifest["study"]["folder"])
    rulebook = read_rulebook_of(manifest)
    replayed, disagreements = 0, []
    parts = sorted((run / "trace" / "trace.parquet").iterdir())
    for done, part in enumerate(parts, start=1):
        for agrees, what in replay_trace(pl.read_parquet(part, glob=False), rulebook):
            replayed += 1
            if not agrees:
                disagreements.append(what)
        if progress is not None:
            progress("replay", done, len(parts))
    return VerifySummary(
        run=run,
        inputs=len(manifest["inputs"]),
        changed=tuple(_find_changed(manifest["inputs"], folder)),
        definitions_changed=tuple(_find_changed_definitions(manifest, rulebook)),
        replayed=replayed,
        disagreements=tuple(disagreements[:FIRST_DISAGREEMENTS]),
    )


def replay_trace(trace: pl.DataFrame, rulebook: Rulebook) -> Iterator[tuple[bool, str]]:
    """Make every decision of a trace again; say for each whether it agrees, and which it was.

    The name of a decision is its definition and trace number, never the child.
    """
    rows = trace.sort(DECISION, nulls_last=False, maintain_order=True)
    for _, decision in groupby(rows.iter_rows(named=True), key=itemgetter(*DECISION)):
        nodes = list(decision)
        root = _find_root(nodes)
        definition = rulebook.definitions[root["definition_id"]]
        found = find_replay(definition)(nodes, definition)
        yield (
            found.agrees_with(root),
            f"{definition.id}, trace row {root['trace_id']}: recorded "
            f"{root['label'] or root['state']}, found {found.label or found.state}"
            + "".join(f"; {text}" for text in found.contradictions),
        )


def _find_root(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    roots = [node for node in nodes if node["parent"] is None]
    if len(roots) != 1:
        raise UserError(
            "one root in every decision of the trace",
            Found(f"{len(roots)} roots", file="trace.parquet"),
            "the trace is damaged: run the study again",
        )
    return roots[0]


def read_rulebook_of(manifest: dict[str, Any]) -> Rulebook:
    """Read the rulebook as a run's study would now; without its folder, the shipped one."""
    folder = Path(manifest["study"]["folder"])
    settings = Settings.model_validate(manifest["study"]["settings"])
    local = any(definition["local"] for definition in manifest["definitions"])
    if not local or not folder.is_dir():
        return read_rulebook(settings)
    return read_rulebook(settings, read_study(folder).definitions)


def _find_changed(inputs: dict[str, str], folder: Path) -> Iterator[str]:
    for name, sha256 in inputs.items():
        path = folder / name
        if not path.is_file():
            yield f"{name}: no longer there"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            yield f"{name}: changed since the run"


def _find_changed_definitions(manifest: dict[str, Any], rulebook: Rulebook) -> Iterator[str]:
    now = {item["id"]: item["sha256"] for item in describe_definitions(rulebook)}
    for item in manifest["definitions"]:
        if item["id"] not in now:
            yield f"{item['id']} {item['version']}: no longer installed"
        elif now[item["id"]] != item["sha256"]:
            yield f"{item['id']} {item['version']}: differs from the installed one"
