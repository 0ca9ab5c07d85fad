"""What a reader of an export must know first: whose records, which program, what it is not."""

from __future__ import annotations

from collections.abc import Sequence

from heliotrope.report.language import _, ngettext
from heliotrope.report.read_run import RunTables, look_up
from heliotrope.report.words import NOT_VALIDATED, RESEARCH_ONLY


def list_reader_notes(run: RunTables) -> Sequence[str]:
    """List what stands on top of every README of an export, one paragraph each."""
    manifest = run.manifest
    title = look_up(manifest, "study", "title") or look_up(manifest, "study", "id")
    notes = [
        _("Study: {title}. heliotrope {version}, run of {created}.").format(
            title=title or _("without a title"),
            version=manifest.get("heliotrope", ""),
            created=str(manifest.get("created", ""))[:16].replace("T", " "),
        )
    ]
    if look_up(manifest, "study", "synthetic"):
        notes.append(_("Invented records: no evidence about any child or drug."))
    notes.append(f"{_(RESEARCH_ONLY)} {_(NOT_VALIDATED)}")
    return notes


def count_rows(rows: int) -> str:
    """Count the rows of a table in words."""
    return ngettext("{n} row", "{n} rows", rows).format(n=f"{rows:,}")
