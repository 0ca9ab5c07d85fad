"""The commands by which results leave a site and come together: share and pool."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from heliotrope.commands.options import Json, Language, Run, print_json


def share(
    run: Run,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where it goes; left out: RUN/share.")
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The site's name in it; left out: the study's id."),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The site's secret, where the study shares a row a child; "
            "left out: the variable HELIOTROPE_SITE_SECRET.",
        ),
    ] = None,
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Write the results that may leave this site.

    Small counts are suppressed with those that would give them away, then all are rounded; no
    path, date, name or row of a child. Read its report.html before you send it.
    """
    from heliotrope.report.disclosure.identifiers import SECRET_VARIABLE, read_site_secret
    from heliotrope.report.disclosure.share import ShareOptions, share_run
    from heliotrope.report.explain import open_run
    from heliotrope.report.language import speaking
    from heliotrope.run.verification import read_rulebook_of
    from heliotrope.terminal.sharing import print_shared

    rulebook = read_rulebook_of(open_run(run).manifest)
    secret = read_site_secret(rulebook, secret_file, os.environ.get(SECRET_VARIABLE))
    with speaking(language):
        summary = share_run(run, rulebook, ShareOptions(out, site, secret))
    if as_json:
        print_json(summary.to_json())
    else:
        print_shared(summary)


def pool(
    sites: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Two or more folders that `share` wrote, or runs."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to make.")],
    language: Language = "en",
    as_json: Json = False,
) -> None:
    """Combine the shared results of several sites.

    Without a row of a child. Counts are added where the sites agree in definitions and versions;
    else the difference is named. Shares, rates and estimates by random effects, with and without
    each site.
    """
    from heliotrope.definitions.load import read_rulebook
    from heliotrope.pooling.pool import pool_sites
    from heliotrope.report.language import speaking
    from heliotrope.terminal.sharing import print_pooled

    with speaking(language):
        summary = pool_sites(sites, out, read_rulebook())
    if as_json:
        print_json(summary.to_json())
    else:
        print_pooled(summary)
