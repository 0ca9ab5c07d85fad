"""Write the reference pages of the manual from the code: tables, definitions, commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dataframely as dy
from typer.testing import CliRunner

from heliotrope.cli import app
from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.model import Definition
from heliotrope.ingest.columns import TABLE_COLUMNS, ColumnSpec
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import (
    TABLES,
    Finding,
    Quarantine,
    Result,
    Source,
    Trace,
    TraceSource,
)
from heliotrope.terminal.definitions import FLAG_WORDS, HEAD, cite, list_lines

COMMANDS = [
    ["demo"],
    ["init"],
    ["check"],
    ["run"],
    ["explain"],
    ["score"],
    ["verify"],
    ["definitions", "list"],
    ["definitions", "show"],
]


def write_pages(folder: Path) -> None:
    """Write every reference page; a page that is the same as before is left untouched."""
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    pages: dict[str, Callable[[], str]] = {
        "records.md": write_records,
        "run_folder.md": write_run_folder,
        "definitions.md": write_definitions,
        "commands.md": write_commands,
        "parts/response.md": write_response,
    }
    for name, write in pages.items():
        path, text = folder / name, write()
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
        f"| {_cell(spec.example)} | {spec.fault} | {_cell(said.get(spec.target, ''))} |\n"
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
        f"| {_cell(item.description or '')} |\n"
        for column, item in schema.columns().items()
    )
    return f"## {name}\n\n{doc}\n\n{head}{rows}"


def _type(column: dy.Column) -> str:
    return str(column.dtype).lower().replace("string", "text")


def _cell(text: str) -> str:
    """Escape what Markdown would take for its own.

    >>> _cell("a | b <0.5")
    'a \\\\| b &lt;0.5'
    """
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def write_definitions() -> str:
    """Print every definition: wording, parameters, notes, sources with their flags."""
    flags = "\n".join(f"- `{flag}`: {words}" for flag, words in FLAG_WORDS.items())
    definitions = read_rulebook().definitions.values()
    kinds = sorted({item.kind for item in definitions})
    parts = [
        "# Every definition, with its sources\n\n"
        "Written from the definition files themselves. Each source carries a flag:\n\n"
        f"{flags}\n\nA definition is *verified* only if every source was read where it was "
        "published.\n"
    ]
    for kind in kinds:
        mine = sorted((item for item in definitions if item.kind == kind), key=lambda item: item.id)
        parts.append(f"## {kind.replace('_', ' ').capitalize()}\n")
        parts += [_definition(item) for item in mine]
    return "\n".join(parts)


def _definition(item: Definition) -> str:
    content = item.model_dump(mode="json", exclude=HEAD, exclude_none=True)
    lines = "\n".join(list_lines(content))
    notes = "".join(f"- {_cell(note)}\n" for note in item.notes)
    sources = "".join(f"- {_cell(cite(source))}\n" for source in item.sources)
    verified = "verified" if item.verified else "not verified"
    return (
        f"### {item.title}\n\n`{item.id}` {item.version}, {verified}\n\n{_cell(item.wording)}\n\n"
        + (f"```text\n{lines}\n```\n\n" if lines else "")
        + (f"Notes:\n\n{notes}\n" if notes else "")
        + (f"Sources:\n\n{sources}" if sources else "")
    )


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
        parts += [_axis(axis) for axis in axes]
    return "\n".join(parts)


def _axis(axis: Mapping[str, Any]) -> str:
    rows = "".join(
        f"| {place} | `{choice['label']}` | {_conditions(choice)} "
        f"| {choice.get('reason', '').replace('_', ' ')} |\n"
        for place, choice in enumerate(axis["choices"], start=1)
    )
    return (
        f"### {axis['name'].replace('_', ' ').capitalize()}\n\n{axis['wording']}\n\n"
        f"| | label | when | reason |\n|---|---|---|---|\n{rows}"
    )


CONDITION_WORDS = {
    "met": "{} met",
    "not_met": "{} not met",
    "any_met": "any met of {}",
    "not_shown": "none met of {}",
}


def _conditions(choice: Mapping[str, Any]) -> str:
    """Say in words when a line of a decision table holds."""
    said = [
        words.format(", ".join(f"`{name}`" for name in choice[key]))
        for key, words in CONDITION_WORDS.items()
        if choice.get(key)
    ]
    where = choice.get("where", {})
    said += [f"{key.replace('_', ' ')} is `{value}`" for key, value in where.items()]
    return "; ".join(said) or "otherwise"


def write_commands() -> str:
    """Print the help of every command."""
    return "# Every command\n\n" + "\n".join(_command(command) for command in COMMANDS)


def _command(command: list[str]) -> str:
    shown = CliRunner().invoke(app, [*command, "--help"], prog_name="heliotrope")
    if shown.exit_code != 0:
        raise RuntimeError(f"no help for {command}: {shown.output}")
    return f"## heliotrope {' '.join(command)}\n\n```text\n{shown.output.strip()}\n```\n"
