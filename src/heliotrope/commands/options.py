"""What several commands take, and how they print for a machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: what --out named.")]
Master = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Address of a Spark cluster, e.g. spark://host:7077 or yarn."),
]
Conf = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="A setting of Spark; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for a machine to read.")]


def _check_language(language: str | None) -> str | None:
    from heliotrope.report.language import list_languages

    if language is not None and language not in list_languages():
        raise typer.BadParameter(f"there is {', '.join(list_languages())}")
    return language


LANGUAGE = typer.Option(
    "--language", metavar="CODE", callback=_check_language, help="Language of the texts: en, zh_TW."
)
Language = Annotated[str, LANGUAGE]
OwnLanguage = Annotated[str | None, LANGUAGE]
"""A language, or None where the study or the browser may say it."""


def print_json(content: Any) -> None:
    """Print plain content as JSON."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))
