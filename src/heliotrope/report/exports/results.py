"""The results of a run as CSV and Parquet, with a README that explains every column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dataframely as dy
import polars as pl

from heliotrope.records.results import SORT_KEYS, TABLES, Result
from heliotrope.report.exports.codebook import make_codebook, render_codebook
from heliotrope.report.exports.new_folder import make_new_folder
from heliotrope.report.exports.read_me import count_rows, list_reader_notes
from heliotrope.report.exports.spreadsheet import write_spreadsheet
from heliotrope.report.language import _
from heliotrope.report.read_run import RunTables


def write_results(run: RunTables, folder: Path, *, with_children: bool = False) -> Sequence[Path]:
    """Write every result row of a run, and with ``with_children`` its tables child by child.

    One folder: ``results.csv`` and ``.parquet`` (the same rows), ``codebook.csv`` and a README.
    Refused rows stay, with the reason: a missing number is an answer, too.
    Errors: UserError where the folder exists or cannot be written.
    """
    schemas: dict[str, type[dy.Schema]] = {"results": Result}
    frames = {"results": run.results}
    if with_children:
        schemas |= TABLES
        frames |= {name: run.table(name).sort(SORT_KEYS[name]) for name in TABLES}
    with make_new_folder(folder) as place:
        for name, frame in frames.items():
            write_spreadsheet(frame, place / f"{name}.csv")
            frame.write_parquet(place / f"{name}.parquet")
        write_spreadsheet(make_codebook(schemas), place / "codebook.csv")
        text = _render_read_me(run, frames, schemas, with_children=with_children)
        (place / "README.md").write_text(text, encoding="utf-8")
    return sorted(folder.iterdir())


def _render_read_me(
    run: RunTables,
    frames: dict[str, pl.DataFrame],
    schemas: dict[str, type[dy.Schema]],
    *,
    with_children: bool,
) -> str:
    notes = [
        *list_reader_notes(run),
        _("One row of `results` is one statistic: an analysis, a group, a variable, a statistic."),
        _(
            "`refused` holds the reason where the records could not answer; the number is then "
            "empty. `formatted` is the number as the report prints it."
        ),
        _("Small cells are not suppressed here: this folder is for the team that holds the data."),
    ]
    if with_children:
        notes.append(_("The other tables have rows of single children, by pseudonym."))
    files = [
        f"- `{name}.csv`, `{name}.parquet`: {count_rows(frame.height)}"
        for name, frame in frames.items()
    ]
    parts = [
        "# " + _("Results of a heliotrope run"),
        "\n\n".join(notes),
        "\n".join([*files, "- `codebook.csv`: " + _("the columns below, as a table")]),
        _(
            "CSV is UTF-8 with a comma between cells; lists are joined by `; `; a text that a "
            "spreadsheet would run as a formula has an apostrophe in front. Parquet holds the "
            "same rows unchanged."
        ),
        render_codebook(schemas),
    ]
    return "\n\n".join(parts)
