"""The commands that take something out of a finished run: results, trace, a manuscript's parts."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

app = typer.Typer(
    help="Take a finished run elsewhere: results, trace, Word.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: what --out named.")]
Language = Annotated[
    str, typer.Option("--language", metavar="CODE", help="The language of the texts, e.g. en.")
]


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


def _name_beside(run: Path, what: str) -> Path:
    """Name a new file or folder beside the run: a finished run folder is not written into."""
    whole = run.resolve()
    return whole.with_name(f"{whole.name}-{what}")


def _print_written(folder: Path, files: int) -> None:
    typer.echo(f"Wrote {files} files into {folder}")
