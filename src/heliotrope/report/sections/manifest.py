"""The run manifest: what went in, by hash, with which versions, and what came out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from heliotrope.report.language import _
from heliotrope.report.section import ReportInput, Section

LISTED_ENTRIES = 400
MACHINE_PATHS = ("study · folder",)


def build_manifest(report: ReportInput) -> Section:
    """Print the manifest as lines of name and value; paths of the machine stay out of the page."""
    lines = [line for line in flatten(report.run.manifest) if line[0] not in MACHINE_PATHS]
    content = {"lines": lines[:LISTED_ENTRIES], "hidden": max(len(lines) - LISTED_ENTRIES, 0)}
    return Section("manifest", _("Run manifest"), "manifest.html.j2", content)


def flatten(value: Any, name: str = "") -> Iterable[tuple[str, str]]:
    """Turn a nested mapping into lines.

    >>> list(flatten({"a": {"b": 1}, "c": [True, None]}))
    [('a · b', '1'), ('c · 1', 'yes'), ('c · 2', 'none')]
    """
    if isinstance(value, Mapping):
        entries = [(str(key), part) for key, part in value.items()]
    elif isinstance(value, list):
        entries = [(str(number), part) for number, part in enumerate(value, start=1)]
    else:
        yield name, _say(value)
        return
    for key, part in entries:
        yield from flatten(part, f"{name} · {key}" if name else key)


def _say(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)
