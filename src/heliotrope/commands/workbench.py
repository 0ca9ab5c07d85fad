"""The command that opens the workbench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from heliotrope.commands.options import OwnLanguage


def serve(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN|STUDY]", help="A run folder or a study to open."),
    ] = None,
    port: Annotated[int, typer.Option(help="Where to listen; 0: any free port.")] = 0,
    open_page: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open the page; left out: if a browser is there."),
    ] = None,
    workspace: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where uploads, mappings and runs are kept.")
    ] = Path("heliotrope-workbench"),
    root: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Whence a page may open studies by their path.")
    ] = Path(),
    language: OwnLanguage = None,
) -> None:
    """Open the workbench in a browser.

    Bring studies in, check, map and run them, and read what came out. It listens on this machine
    alone and sends nothing anywhere. Ctrl-C ends it.
    """
    from heliotrope.terminal.progress import wants_browser
    from heliotrope.workbench.serve import ServeOptions, serve

    options = ServeOptions(workspace, root, port, wants_browser(open_page), language)
    typer.echo("The workbench, for you alone (Ctrl-C ends it):")
    serve(path, options, typer.echo)
