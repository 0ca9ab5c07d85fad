"""The commands about definitions: list, show, diff. Each calls one function and prints the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from heliotrope.commands.options import Json, print_json

app = typer.Typer(
    help="The clinical definitions: wording, parameters, sources.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@app.command("list")
def list_definitions(
    local: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A study's own definitions.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List every definition, verified or not."""
    from heliotrope.definitions.load import read_rulebook
    from heliotrope.terminal.definitions import describe_head, print_definitions

    definitions = sorted(
        read_rulebook(local=local).definitions.values(), key=lambda item: (item.kind, item.id)
    )
    if as_json:
        print_json([describe_head(item) for item in definitions])
    else:
        print_definitions(definitions)


@app.command("show")
def show_definition(
    definition_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` prints it.")],
    local: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A study's own definitions.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show one definition whole: wording, every number, sources and their flags.

    ID, or ID@VERSION for an earlier version that is kept.
    """
    from heliotrope.definitions.load import read_rulebook
    from heliotrope.definitions.measure import measures_of
    from heliotrope.definitions.versions import find_version, list_versions
    from heliotrope.terminal.definitions import print_definition

    definition = find_version(definition_id, local)
    if as_json:
        print_json(definition.model_dump(mode="json"))
    else:
        measures = measures_of(read_rulebook(local=local))
        print_definition(definition, measures, list_versions(definition, local))


@app.command("diff")
def diff_definitions(
    first: Annotated[
        str, typer.Argument(metavar="A", help="An id, ID@VERSION, or a TOML file: the old one.")
    ],
    second: Annotated[
        str | None,
        typer.Argument(metavar="B", help="The new one; left out: of the same id, from --local."),
    ] = None,
    local: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="A study's own definitions; B is sought there first."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what differs between two definitions or versions, field by field."""
    from heliotrope.definitions.difference import find_differences
    from heliotrope.definitions.versions import find_pair
    from heliotrope.terminal.definition_diff import describe_diff, print_diff

    old, new = find_pair(first, second, local)
    differences = find_differences(old, new)
    if as_json:
        print_json(describe_diff(old, new, differences))
    else:
        print_diff(old, new, differences)
