"""What the terminal says of shared and pooled results."""

from __future__ import annotations

import typer

from heliotrope.pooling.pool import PoolSummary
from heliotrope.report.disclosure.share import REPORT_FILE, ShareSummary
from heliotrope.report.language import _


def print_shared(summary: ShareSummary) -> None:
    """Say what was written, what was held back, and what to do before it is sent."""
    limits = summary.limits
    lines = [
        _("Wrote what site {site} may share into {folder}").format(
            site=summary.site, folder=summary.folder
        ),
        _(
            "{shared} of {rows} result rows are in it, {suppressed} named without a value; "
            "counts under {least} are suppressed, all are rounded to {base}"
        ).format(
            shared=summary.rows_shared,
            rows=summary.rows_of_run,
            suppressed=summary.rows_suppressed,
            least=limits.least_count,
            base=limits.rounding_base,
        ),
    ]
    if summary.children is not None:
        lines.append(
            _("It also holds {rows} rows of single children, names hidden").format(
                rows=summary.children
            )
        )
    lines.append(
        _("Read {page} before you send the folder").format(page=summary.folder / REPORT_FILE)
    )
    typer.echo("\n".join(lines))


def print_pooled(summary: PoolSummary) -> None:
    """Say which sites were pooled, how much of it, and what stood in the way."""
    lines = [
        _("Pooled {sites} into {folder}").format(
            sites=", ".join(summary.sites), folder=summary.folder
        ),
        _("{pooled} figures pooled, {refused} not, each with its reason").format(
            pooled=summary.pooled, refused=summary.refused
        ),
        *(
            _("The sites differ, so nothing is pooled: {difference}").format(difference=text)
            for text in summary.differences
        ),
    ]
    typer.echo("\n".join(lines))
