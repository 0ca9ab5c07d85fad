"""Write the reference pages of the manual from the code: tables, definitions, commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import dataframely as dy
from chapters import write_chapters
from structure import cell, draw_axis
from typer.testing import CliRunner

from heliotrope.cli import app
from heliotrope.definitions.load import read_rulebook
from heliotrope.ingest.columns import TABLE_COLUMNS, ColumnSpec
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.finding_tables import Finding, Quarantine, Source
from heliotrope.records.results import TABLES, Result
from heliotrope.records.trace_tables import Trace, TraceSource
from heliotrope.terminal.definitions import HEAD, list_lines

COMMANDS = [
    ["demo"],
    ["init"],
    ["check"],
    ["run"],
    ["explain"],
    ["review"],
    ["export", "results"],
    ["export", "trace"],
    ["export", "word"],
    ["score"],
    ["verify"],
    ["serve"],
    ["definitions", "list"],
    ["definitions", "show"],
]


def write_pages(folder: Path) -> None:
    """Write every reference page; a page that is the same as before is left untouched."""
    for part in ("parts", "definitions"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    pages: dict[str, Callable[[], str]] = {
        "records.md": write_records,
        "run_folder.md": write_run_folder,
        "commands.md": write_commands,
        "parts/response.md": write_response,
    }
    texts = {name: write() for name, write in pages.items()} | write_chapters()
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def write_records() -> str:
    """Describe the columns a source may have, table by table."""
    return (
        "# The seven tables of the records\n\n"
        "A folder of CSV files with these names and columns, and ISO dates, is a study as it "
        "stands; a workbook has a sheet for each. A cell that cannot be read costs either only "
        "itself (it is then missing) or its whole row (which goes to quarantine).\n\n"
        + "\n".join(
            _input_table(name, CANONICAL[name], columns) for name, columns in TABLE_COLUMNS.items()
        )
    )


def _input_table(name: str, schema: type[dy.Schema], columns: Sequence[ColumnSpec]) -> str:
    said = {column: item.description or "" for column, item in schema.columns().items()}
    head = "| column | needed | reads | example | unreadable costs | what it is |\n"
    rows = "".join(
        f"| `{spec.name}` | {'yes' if spec.is_required else ''} "
        f"| {spec.reads.replace('_', ' ')}{', may be partial' if spec.is_placed else ''} "
        f"| {cell(spec.example)} | {spec.fault} | {cell(said.get(spec.target, ''))} |\n"
        for spec in columns
    )
    title = (schema.__doc__ or "").strip()
    return f"## {name}.csv\n\n{title}\n\n{head}|---|---|---|---|---|---|\n{rows}"


def write_run_folder() -> str:
    """Describe every file a run writes."""
    single: Mapping[str, type[dy.Schema]] = {
        "results.parquet": Result,
        "findings.parquet": Finding,
        "quarantine/*.parquet": Quarantine,
        "records/source.parquet": Source,
        "trace/: trace": Trace,
        "trace/: trace_source": TraceSource,
    }
    tables = {f"tables/{name}.parquet": schema for name, schema in TABLES.items()}
    return (
        "# Every table of the run folder\n\n"
        "Written from the schemas that the program itself checks.\n\n"
        + "\n".join(_table(name, schema) for name, schema in {**tables, **single}.items())
    )


def _table(name: str, schema: type[dy.Schema]) -> str:
    doc = (schema.__doc__ or "").strip()
    head = "| column | type | may be empty | what it is |\n|---|---|---|---|\n"
    rows = "".join(
        f"| `{column}` | {_type(item)} | {'yes' if item.nullable else 'no'} "
        f"| {cell(item.description or '')} |\n"
        for column, item in schema.columns().items()
    )
    return f"## {name}\n\n{doc}\n\n{head}{rows}"


def _type(column: dy.Column) -> str:
    return str(column.dtype).lower().replace("string", "text")


def write_response() -> str:
    """Print the windows and the ordered decision tables of response and aggravation."""
    rulebook = read_rulebook()
    parts = []
    for name in ("jdm_ivig_response", "aggravation_after_discontinuation"):
        item = rulebook.definitions[name]
        content = item.model_dump(mode="json", exclude=HEAD, exclude_none=True)
        axes = content.pop("axes")
        lines = "\n".join(list_lines(content))
        parts.append(f"## {item.title}: numbers and tables\n\n```text\n{lines}\n```\n")
        parts.append("Each axis is an ordered table: the first line that holds gives the label.\n")
        parts += [draw_axis(axis) for axis in axes]
    return "\n".join(parts)


def write_commands() -> str:
    """Print the help of every command."""
    return "# Every command\n\n" + "\n".join(_command(command) for command in COMMANDS)


def _command(command: list[str]) -> str:
    shown = CliRunner().invoke(app, [*command, "--help"], prog_name="heliotrope")
    if shown.exit_code != 0:
        raise RuntimeError(f"no help for {command}: {shown.output}")
    return f"## heliotrope {' '.join(command)}\n\n```text\n{shown.output.strip()}\n```\n"
