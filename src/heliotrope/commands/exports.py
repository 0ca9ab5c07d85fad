"""The commands that take something out of a finished run: results, trace, a manuscript's parts."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer

from heliotrope.commands.options import Language, Run

app = typer.Typer(
    help="Take a run elsewhere: tables, Word, figures, ADaM.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@app.command()
def results(
    run: Run,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder to make; left out: RUN-results."),
    ] = None,
    children: Annotated[
        bool, typer.Option("--children", help="The tables child by child, too.")
    ] = False,
    language: Language = "en",
) -> None:
    """Write every statistic of a run as CSV and Parquet.

    With a README that explains each column. Small cells are not suppressed.
    """
    from heliotrope.report.explain import open_run
    from heliotrope.report.exports.results import write_results
    from heliotrope.report.language import speaking

    with speaking(language):
        folder = out or _name_beside(run, "results")
        written = write_results(open_run(run), folder, with_children=children)
    _print_written(folder, len(written))


@app.command()
def trace(
    run: Run,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to make; left out: RUN-trace.")
    ] = None,
    language: Language = "en",
) -> None:
    """Write why every decision came out as it did, as a supplement.

    The trace and its source cells as Parquet and CSV, with a codebook.
    """
    from heliotrope.report.explain import open_run
    from heliotrope.report.exports.trace import write_trace_supplement
    from heliotrope.report.language import speaking

    with speaking(language):
        folder = out or _name_beside(run, "trace")
        written = write_trace_supplement(open_run(run), folder)
    _print_written(folder, len(written))


@app.command()
def word(
    run: Run,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to make; left out: RUN-case-series.docx."),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Take these PNG pictures instead of drawing them."),
    ] = None,
    language: Language = "en",
) -> None:
    """Write the tables and methods of a case series for Word.

    In the order of a journal, to be edited. Needs python-docx: pip install 'heliotrope[word]'.
    """
    from heliotrope.report.explain import open_run
    from heliotrope.report.exports.word.manuscript import (
        check_new_file,
        draw_figures,
        find_figures,
        write_word,
    )
    from heliotrope.report.language import speaking
    from heliotrope.run.verification import read_rulebook_of

    tables = open_run(run)
    with speaking(language):
        path = out or _name_beside(run, "case-series").with_suffix(".docx")
        check_new_file(path)
        rulebook = read_rulebook_of(tables.manifest)
        with TemporaryDirectory() as drawn:
            pictures = (
                find_figures(figures)
                if figures is not None
                else draw_figures(run, rulebook, Path(drawn))
            )
            written = write_word(tables, rulebook, path, pictures)
    typer.echo(f"Wrote {written} with {len(pictures)} figures")
    if not pictures:
        typer.echo("To draw the figures too: pip install 'heliotrope[figures]'")


@app.command()
def figures(
    run: Run,
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
    language: Language = "en",
) -> None:
    """Write the cohort's figures as SVG and PNG.

    In the widths of journal columns, each with its caption.
    """
    from heliotrope.report.figures.list_figures import SHOW_CHILDREN
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
    shown = [name for name in SHOW_CHILDREN if (folder / f"{name}.vl.json") in written]
    if shown:
        typer.echo(f"Single children can be seen in: {', '.join(shown)}. They are no aggregates.")


@app.command()
def adam(
    run: Run,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder to make; left out: RUN-adam.")
    ] = None,
) -> None:
    """Write an ADaM-shaped set of a run.

    ADSL, ADEX, ADLB, ADQS, ADTTE and ADAE with their derivation book, as Parquet and CSV, and as
    SAS transport where pyreadstat is installed. Rows are single children.
    """
    from heliotrope.report.adam.write import write_adam
    from heliotrope.report.explain import open_run
    from heliotrope.run.verification import read_rulebook_of

    opened = open_run(run)
    folder = out or run.resolve().with_name(f"{run.resolve().name}-adam")
    written = write_adam(opened, read_rulebook_of(opened.manifest), folder)
    typer.echo(f"Wrote {len(written)} files into {folder}")


def _name_beside(run: Path, what: str) -> Path:
    """Name a new file or folder beside the run: a finished run folder is not written into."""
    whole = run.resolve()
    return whole.with_name(f"{whole.name}-{what}")


def _print_written(folder: Path, files: int) -> None:
    typer.echo(f"Wrote {files} files into {folder}")
