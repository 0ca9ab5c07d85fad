"""The definitions in a browser: what each asks, every number, its sources and their marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.definitions.model import Definition
from heliotrope.definitions.node import AtLeast, BandedScore, CutOffStates, Leaf, Node, children
from heliotrope.definitions.node_words import list_node_words, say_node
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.definitions.versions import list_versions
from heliotrope.report.language import _
from heliotrope.report.sections.definitions import FLAGS, make_citation
from heliotrope.workbench.desk import desk_of
from heliotrope.workbench.pages import show
from heliotrope.workbench.paging import Pages
from heliotrope.workbench.table_view import TableView

ROWS_A_PAGE = 50
VERIFIED, OPEN = "verified", "open"
HEAD = frozenset(Definition.model_fields)
DRAWN = {RuleDefinition: frozenset({"root"}), ScoreDefinition: frozenset({"components"})}


@dataclass(frozen=True)
class Outline:
    """A line, and the lines below it."""

    text: str
    below: Sequence[Outline] = ()


def show_definitions(request: Request) -> Response:
    """List the definitions; those of a run with its study's own."""
    rulebook, run = _find_rulebook(request)
    every = sorted(rulebook.definitions.values(), key=lambda item: (item.kind, item.title))
    rows = pl.LazyFrame(
        {
            "id": [item.id for item in every],
            "title": [item.title for item in every],
            "wording": [item.wording for item in every],
            "kind": [item.kind for item in every],
            "version": [item.version for item in every],
            "mark": [VERIFIED if item.verified else OPEN for item in every],
        },
        schema=dict.fromkeys(("id", "title", "wording", "kind", "version", "mark"), pl.String),
    )
    view = TableView.of(request, ("kind", "mark"), ("title", "kind", "version", "mark"))
    chosen = view.choose(rows, ["id", "title", "wording"]).select("id").collect()["id"].to_list()
    pages = Pages.of(request, len(chosen), ROWS_A_PAGE)
    heads = {
        "title": _("Definition"), "kind": _("Kind"), "version": _("Version"), "mark": _("Mark"),
    }  # fmt: skip
    content = {
        "title": _("Definitions"),
        "run_name": run,
        "definitions": [rulebook.definitions[name] for name in chosen[pages.first : pages.until]],
        "pages": pages,
        "view": view,
        "columns": view.list_heads(heads, pages),
        "kinds": sorted(Counter(item.kind for item in every).items()),
        "marks": [(VERIFIED, _("verified")), (OPEN, _("not verified"))],
    }
    return show(request, "definitions_list.html.j2", content)


def show_definition(request: Request) -> Response:
    """Show one definition whole."""
    rulebook, run = _find_rulebook(request)
    found = rulebook.definitions.get(request.path_params["id"])
    if found is None:
        raise HTTPException(404)
    measures = measures_of(rulebook)
    drawn = next((names for kind, names in DRAWN.items() if isinstance(found, kind)), frozenset())
    left = found.model_dump(mode="json", exclude=set(HEAD | drawn), exclude_none=True)
    content = {
        "title": found.title,
        "run_name": run,
        "definition": found,
        "tree": _draw_node(found.root, measures) if isinstance(found, RuleDefinition) else None,
        "components": found.components if isinstance(found, ScoreDefinition) else (),
        "measure_titles": {name: item.title for name, item in measures.items()},
        "parameters": list(outline(left)),
        "words": sorted(list_node_words(found, measures).items()),
        "sources": [(make_citation(item), item.flag) for item in found.sources],
        "flags": FLAGS,
        "versions": [item for item in list_versions(found, None) if item != found.version],
    }
    return show(request, "definition.html.j2", content)


def _find_rulebook(request: Request) -> tuple[Rulebook, str]:
    """Find the definitions to show: the shipped ones, or those of a run."""
    desk, name = desk_of(request), request.query_params.get("run", "")
    return (desk.run(name).rulebook, name) if name else (desk.rulebook, "")


def _draw_node(node: Node, measures: Mapping[str, Measure]) -> Outline:
    """Draw a rule: each criterion with its numbers, what it is made of below it."""
    essential = node.essential if isinstance(node, AtLeast) else ()
    below = []
    for child in children(node):
        drawn = _draw_node(child, measures)
        mark = _(" (essential)") if child in essential else ""
        below.append(Outline(drawn.text + mark, drawn.below))
    return Outline(say_node(node, measures) + _say_numbers(node), below)


def _say_numbers(node: Node) -> str:
    match node:
        case Leaf():
            scale = "" if node.scale_maximum is None else f" (of {node.scale_maximum:g})"
            return f" {node.operator} {node.threshold:g}{_unit(node.unit)}{scale}"
        case CutOffStates():
            cuts = [f"{cut.label} {cut.operator} {cut.threshold:g}" for cut in node.states]
            return f": {', '.join(cuts)}{_unit(node.unit)}, else {node.otherwise}"
        case BandedScore():
            return f" ({', '.join(node.scores)})"
        case _:
            fields = node.model_dump(
                exclude={"node", "id", "of", "essential", "count"}, exclude_none=True
            )
            said = [f"{name.replace('_', ' ')} {_write(value)}" for name, value in fields.items()]
            return f" ({'; '.join(said)})" if said else ""


def _unit(unit: str) -> str:
    return "" if unit == "none" else f" {unit}"


def outline(value: Any) -> Iterator[Outline]:
    """Write nested parameters as lines with lines below them; empty ones are left out.

    >>> [line.text for line in outline({"window_days": 28.0, "essential": []})]
    ['window days: 28']
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            name = str(key).replace("_", " ")
            if _is_flat(item):
                if item not in ([], {}):
                    yield Outline(f"{name}: {_write(item)}")
            else:
                yield Outline(name, list(outline(item)))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, Mapping) and all(_is_flat(part) for part in item.values()):
                said = ((k, v) for k, v in item.items() if v not in ([], {}))
                parts = (f"{str(k).replace('_', ' ')} {_write(v)}" for k, v in said)
                yield Outline(", ".join(parts))
            elif isinstance(item, Mapping):
                first, *rest = list(outline(item))
                yield Outline(first.text, [*first.below, *rest])
            else:
                yield Outline(_write(item))


def _is_flat(value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, Mapping | list) for item in value)
    return not isinstance(value, Mapping) or not value


def _write(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_write(item) for item in value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return f"{value:g}" if isinstance(value, float) else str(value)
