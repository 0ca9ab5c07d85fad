"""The command that makes the one-page review of a child."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from heliotrope.commands.options import Language, Run


def review(
    run: Run,
    patient: Annotated[str, typer.Argument(metavar="PATIENT", help="The child's pseudonym.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file; left out: beside RUN, with the pseudonym."),
    ] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf/--no-pdf", help="Print it as PDF with an installed browser.")
    ] = True,
    paper: Annotated[Literal["a4", "letter"], typer.Option(help="The paper.")] = "a4",
    browser: Annotated[
        Path | None,
        typer.Option(metavar="PROGRAM", help="Chromium, Chrome or Edge; left out: one is found."),
    ] = None,
    language: Language = "en",
) -> None:
    """Make the one-page review of a child's IVIG.

    Facts of the records for the renewal: what was given, measured and changed, what is missing.
    It advises nothing. Exit code 4 where no browser can print; the page itself is kept.
    """
    from heliotrope.report.explain import open_run
    from heliotrope.report.language import speaking
    from heliotrope.report.review.write import ReviewOptions, write_review
    from heliotrope.run.verification import read_rulebook_of

    tables = open_run(run)
    options = ReviewOptions(out=out, pdf=pdf, paper=paper, browser=browser)
    with speaking(language):
        written = write_review(tables, read_rulebook_of(tables.manifest), patient, options)
    typer.echo(f"Page: {written.page}")
    if written.pdf is not None:
        typer.echo(f"PDF:  {written.pdf}")
    if written.sheets is not None and written.sheets > 1:
        typer.echo(f"This child's records fill {written.sheets} pages.")
