"""The manifest of a run: what went in, by hash, with which versions, and what came out."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from heliotrope import __version__
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.model import Definition
from heliotrope.ingest import Reading
from heliotrope.run.tables import MergedTables
from heliotrope.study import Study

PACKAGES = ("polars", "dataframely", "pydantic", "numpy", "scipy", "jinja2")


def make_manifest(
    study: Study,
    rulebook: Rulebook,
    reading: Reading,
    tables: MergedTables,
    shards: int,
    *,
    has_model: bool,
) -> dict[str, Any]:
    """Describe a run so that it can be repeated and verified.

    The time of day stands here and nowhere else in the run folder.
    """
    return {
        "heliotrope": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "study": {
            "id": study.id,
            "title": study.title,
            "synthetic": study.synthetic,
            "compare_with": study.report.compare_with,
            "share": study.share.model_dump(mode="json"),
            "folder": str(study.folder.resolve()),
            "settings": rulebook.settings.model_dump(mode="json"),
            "study_file_sha256": _hash_study_file(study),
        },
        "inputs": dict(sorted(reading.input_hashes.items())),
        "accounting": reading.accounting.to_dicts(),
        "cohort": describe_cohort(reading),
        "definitions": describe_definitions(rulebook),
        "rulebook_sha256": rulebook.sha256,
        "shards": shards,
        "counts": {
            "children": reading.children,
            "children_with_ivig": tables["regimen"]["patient_id"].n_unique(),
            "records": dict(reading.rows),
            "quarantine": dict(reading.quarantined),
            "tables": dict(tables.heights),
        },
        "pulse_model": "fitted or refused, see results" if has_model else "left out",
    }


def describe_cohort(reading: Reading) -> list[dict[str, Any]]:
    """List the steps by which a cohort was selected; none where every source is the cohort."""
    return [
        {"step": step, "words": words, "persons": persons}
        for step, words, persons in reading.cohort
    ]


def write_manifest(manifest: Mapping[str, Any], run: Path) -> None:
    """Write manifest.json."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=False)
    (run / "manifest.json").write_text(text + "\n", encoding="utf-8")


def read_manifest(run: Path) -> dict[str, Any]:
    """Read manifest.json."""
    content: dict[str, Any] = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    return content


def _hash_study_file(study: Study) -> str | None:
    if study.study_file is None:
        return None
    return hashlib.sha256(study.study_file.read_bytes()).hexdigest()


def describe_definitions(rulebook: Rulebook) -> list[dict[str, Any]]:
    """List every definition of a rulebook with version and hash, by id."""
    return [
        _describe(rulebook.definitions[name], sha256) for name, sha256 in rulebook.hashes.items()
    ]


def _describe(definition: Definition, sha256: str) -> dict[str, Any]:
    return {
        "id": definition.id,
        "version": definition.version,
        "kind": definition.kind,
        "verified": definition.verified,
        "local": definition.is_local,
        "sha256": sha256,
    }
