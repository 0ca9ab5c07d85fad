"""What several commands take, and how they print for a machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: what --out named.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for a machine to read.")]
Language = Annotated[
    str, typer.Option("--language", metavar="CODE", help="The language of the texts, e.g. en.")
]


def print_json(content: Any) -> None:
    """Print plain content as JSON."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=str))
