"""The definitions as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from heliotrope.definitions.measure import Measure
from heliotrope.definitions.model import Definition, Source
from heliotrope.terminal.definition_rules import render_rules

FLAG_WORDS: dict[str, str] = {
    "V": "read in the source named",
    "V2": "read in a secondary text",
    "R": "recalled, source not read",
    "C": "sources disagree",
    "P": "a decision of this project, not a published value",
    "UNKNOWN": "not found",
}

LONGEST_LINE = 64

HEAD = set(Definition.model_fields)

# Fields that are drawn, not listed among the parameters.
DRAWN = {"axes", "root", "components", "categories", "reference", "milestone", "maximum"}


def describe_head(definition: Definition) -> dict[str, Any]:
    """Give what the list shows of a definition."""
    return definition.model_dump(
        mode="json", include={"id", "version", "kind", "title", "verified", "is_local"}
    )


def print_definitions(definitions: Sequence[Definition]) -> None:
    """Print one line a definition, gathered by kind."""
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "version", "verified", "title"):
        table.add_column(name, no_wrap=name != "title", overflow="fold")
    kind = None
    for item in definitions:
        if item.kind != kind:
            kind = item.kind
            table.add_row(Text(_words(kind), style="bold cyan"))
        mark = Text("yes", style="green") if item.verified else Text("no", style="yellow")
        title = Text(item.title + mark_local(item))
        table.add_row(Text(f"  {item.id}"), item.version, mark, title)
    console.print(table)
    console.print(
        f"\n{len(definitions)} definitions. Verified: every number was read in the source named. "
        "`heliotrope definitions show ID` prints one whole."
    )


def mark_local(definition: Definition) -> str:
    """Mark a definition of a study's own folder wherever it is named."""
    return " (local)" if definition.is_local else ""


def _words(name: str) -> str:
    return name.replace("_", " ")


def print_definition(
    definition: Definition, measures: Mapping[str, Measure], versions: Sequence[str]
) -> None:
    """Print a definition whole: wording, every number, notes, sources with their flags."""
    console = Console(highlight=False)
    verified = "verified" if definition.verified else "not verified: see the flags of its sources"
    local = ", from a study's own folder" if definition.is_local else ""
    console.print(Text(definition.title + mark_local(definition), style="bold"))
    console.print(f"{definition.id} {definition.version}, {definition.kind}, {verified}{local}")
    earlier = [version for version in versions if version != definition.version]
    if earlier:
        console.print(f"Earlier versions kept: {', '.join(earlier)}")
    console.print(Padding(Text(definition.wording), (1, 0, 0, 2), expand=False))
    drawn = render_rules(definition, measures)
    for heading, content in drawn:
        console.print(f"\n[bold]{heading}[/bold]")
        console.print(Padding(content, (0, 0, 0, 2), expand=False))
    left_out = HEAD | (DRAWN if drawn else set())
    parameters = definition.model_dump(mode="json", exclude=left_out, exclude_none=True)
    if parameters:
        console.print("\n[bold]Parameters[/bold]")
        for line in list_lines(parameters):
            console.print(Text(f"  {line}"))
    if definition.notes:
        console.print("\n[bold]Notes[/bold]")
    for note in definition.notes:
        console.print(Padding(Text(note), (0, 0, 0, 2), expand=False))
    console.print("\n[bold]Sources of these numbers[/bold]")
    for source in definition.sources:
        console.print(Padding(Text(cite(source)), (0, 0, 0, 2), expand=False))
    if not definition.sources:
        console.print("  none: a list of words or codes, or numbers flagged one by one")


def list_lines(value: Any, depth: int = 0) -> list[str]:
    """Write nested parameters as indented lines.

    Empty lists are left out.

    >>> list_lines({"window_days": 28.0, "any_of": [{"measure": "cmas", "at_least": 48}]})
    ['window_days: 28', 'any_of:', '  - measure: cmas, at_least: 48']
    """
    indent = "  " * depth
    if isinstance(value, Mapping):
        lines: list[str] = []
        for key, item in value.items():
            if isinstance(item, Sequence) and not item:
                continue
            if _is_flat(item):
                lines.append(f"{indent}{key}: {_inline(item)}")
            else:
                lines += [f"{indent}{key}:", *list_lines(item, depth + 1)]
        return lines
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [line for item in value for line in _list_item(item, depth)]
    return [f"{indent}{_inline(value)}"]


def _list_item(item: Any, depth: int) -> list[str]:
    indent = "  " * depth
    if not isinstance(item, Mapping):
        return [f"{indent}- {_inline(item)}"]
    lines = list_lines(item, depth + 1)
    if all(_is_flat(part) for part in item.values()):
        joined = ", ".join(line.strip() for line in lines)
        if len(joined) <= LONGEST_LINE:
            lines = [joined]
    first, *rest = lines
    return [f"{indent}- {first.lstrip()}", *rest]


def _is_flat(value: Any) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(not isinstance(item, Mapping | list | tuple) for item in value)
    return not isinstance(value, Mapping)


def _inline(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_inline(item) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)


def cite(source: Source) -> str:
    """Write a source as a citation with its identifiers and what its flag means."""
    named = {"doi": source.doi, "PMID": source.pubmed}
    places = [f"{name} {place}" for name, place in named.items() if place]
    places += [place for place in (source.pmc, source.table) if place]
    flag = f"[{source.flag}: {FLAG_WORDS[source.flag]}]"
    return " ".join([", ".join([source.citation, *places]), flag])
