"""The command that writes the figures of a run for print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def figures(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: what --out named.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder to write into; left out: RUN-figures."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="One figure; may be repeated.")
    ] = None,
    dots_per_inch: Annotated[
        int, typer.Option("--dpi", min=72, max=1200, help="Dots per inch of the PNG files.")
    ] = 300,
    column: Annotated[
        Literal["single", "double"] | None,
        typer.Option(help="84 or 174 mm wide; left out, both."),
    ] = None,
    language: Annotated[
        str, typer.Option("--language", metavar="CODE", help="The language of the texts, e.g. en.")
    ] = "en",
) -> None:
    """Write the cohort's figures as SVG and PNG, in the widths of journal columns."""
    from heliotrope.report.figures.write_figures import FigureOptions, write_figures
    from heliotrope.report.language import speaking
    from heliotrope.report.read_run import RunTables
    from heliotrope.run.verification import read_rulebook_of

    columns = ("single", "double") if column is None else (column,)
    options = FigureOptions(columns, dots_per_inch, tuple(only or ()))
    folder = out or run.with_name(f"{run.name}-figures")
    rulebook = read_rulebook_of(RunTables(run).manifest)
    with speaking(language):
        written = write_figures(run, folder, rulebook, options)
    typer.echo(f"Wrote {len(written)} files into {folder}")
