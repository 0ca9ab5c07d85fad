"""The trace of a run as a supplement: why every decision came out as it did, with its codebook."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import dataframely as dy
import polars as pl

from heliotrope.records.finding_tables import Source
from heliotrope.records.trace_tables import Trace, TraceSource
from heliotrope.report.exports.codebook import make_codebook, render_codebook
from heliotrope.report.exports.new_folder import make_new_folder
from heliotrope.report.exports.read_me import count_rows, list_reader_notes
from heliotrope.report.exports.spreadsheet import make_plain, write_spreadsheet
from heliotrope.report.language import _
from heliotrope.report.read_run import RunTables, find_parts

SUPPLEMENT = "trace_csv.zip"
SCHEMAS: dict[str, type[dy.Schema]] = {
    "trace": Trace,
    "trace_source": TraceSource,
    "source": Source,
}


def write_trace_supplement(run: RunTables, folder: Path) -> Sequence[Path]:
    """Write the trace as Parquet, and as CSV in a zip, with codebook and README.

    Three tables: ``trace`` (one node of one decision), ``trace_source`` (the cells behind it) and
    ``source`` (files and columns: what a ``row_id`` counts). Written part by part, so that the
    trace of a registry needs no memory of its size.
    Errors: UserError where the folder exists or cannot be written.
    """
    with make_new_folder(folder) as place:
        counts = {name: _write_table(run, name, place) for name in SCHEMAS}
        write_spreadsheet(make_codebook(SCHEMAS), place / "codebook.csv")
        (place / "README.md").write_text(_render_read_me(run, counts), encoding="utf-8")
        _zip_spreadsheets(place)
    return sorted(folder.iterdir())


def _write_table(run: RunTables, name: str, place: Path) -> int:
    """Write one table as Parquet and as CSV; return how many rows it has."""
    home = run.folder / ("records" if name == "source" else "trace")
    rows = 0
    schema = SCHEMAS[name].create_empty()
    with (place / f"{name}.csv").open("wb") as text:
        text.write(b"\xef\xbb\xbf")
        schema.head(0).write_csv(text)
        for part in find_parts(home, name):
            frame = pl.read_parquet(part)
            rows += frame.height
            make_plain(frame).write_csv(text, include_header=False)
    parts = find_parts(home, name)
    scan = pl.scan_parquet(parts, glob=False) if parts else schema.lazy()
    scan.sink_parquet(place / f"{name}.parquet")
    return rows


def _zip_spreadsheets(place: Path) -> None:
    """Move the CSV files into one zip beside the Parquet files; the codebook goes along."""
    tables = [place / f"{name}.csv" for name in SCHEMAS]
    with zipfile.ZipFile(place / SUPPLEMENT, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (*tables, place / "codebook.csv", place / "README.md"):
            archive.write(path, path.name)
    for path in tables:
        path.unlink()


def _render_read_me(run: RunTables, counts: dict[str, int]) -> str:
    lines = [
        f"- `{name}.parquet`, `{name}.csv` ({SUPPLEMENT}): {count_rows(rows)}"
        for name, rows in counts.items()
    ]
    parts = [
        "# " + _("Why: the trace of a heliotrope run"),
        "\n\n".join(list_reader_notes(run)),
        _(
            "Every decision of the run is a tree of criteria. One row of `trace` is one criterion: "
            "its state (met, not_met, not_evaluable, not_reached), the value compared, the "
            "threshold, the reason. `parent` names the criterion above; the root holds the answer."
        ),
        _(
            "`trace_source` joins by `trace_id` and says which cells were used, and which were "
            "considered and rejected. `row_id` packs three numbers: the file (times 2 to the power "
            "of 48), the record (times 2 to the power of 16) and the column; `source` lists files "
            "and columns by those numbers, and `first_row` is the row of record 0 in the file."
        ),
        _("Rows are of single children, by pseudonym: no supplement for the public."),
        "\n".join(lines),
        render_codebook(SCHEMAS),
    ]
    return "\n\n".join(parts)
