"""Write a chapter for every definition: wording, structure, sources, the cases that test it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from structure import cell, draw_structure

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.model import Definition, Source
from heliotrope.terminal.definitions import FLAG_WORDS, cite

PROJECT = Path(__file__).parent.parent
sys.path.insert(0, str(PROJECT))

from tests.spec.case_files import (  # noqa: E402 (the repository is on the path only now)
    ARROW,
    EVERY_CHILD,
    FOLDER,
    NOTHING,
    STUDY_DECLARES,
    TABLE,
    read_chapter,
    read_table,
)

STATES = ("met", "not_met", "not_evaluable", "not_reached")
MARKED = {
    "rule": "Rules of activity, improvement and worsening",
    "score": "Scores",
    "response": "The response to immunoglobulin",
    "aggravation": "Worse after stopping",
    "exposure": "Exposure",
    "indication": "Why immunoglobulin was started",
    "steroid_resistance": "Steroid resistance",
    "steroid_dependence": "Steroid dependence",
    "steroid_discontinuation": "Steroid stopped",
    "haemolysis_case": "Haemolysis",
    "reaction_windows": "Reactions",
    "grading": "Grades of reactions",
    "measure_in_force": "Weight and height",
    "glucocorticoid": "Steroid doses",
    "dose_rule": "Doses",
    "followed_drugs": "Other drugs that are followed",
    "item_form": "Forms scored from their items",
    "drug_text": "Drugs in free text",
}


def write_chapters() -> dict[str, str]:
    """Write the index and one page a definition; names relative to the generated folder."""
    rulebook = read_rulebook()
    definitions = sorted(rulebook.definitions.values(), key=lambda item: (item.kind, item.id))
    measures = measures_of(rulebook)
    pages = {
        f"definitions/{item.id}.md": _write_chapter(item, draw_structure(item, measures))
        for item in definitions
    }
    return {"definitions.md": _write_index(definitions), **pages}


def _write_index(definitions: Sequence[Definition]) -> str:
    flags = "\n".join(f"- `{flag}`: {words}" for flag, words in FLAG_WORDS.items())
    kinds = [*MARKED, *sorted({item.kind for item in definitions} - MARKED.keys())]
    parts = [
        "# Every definition, a chapter each\n\n"
        "A chapter is written from the definition file itself, and from the drawn children that "
        "test it: what stands there as a table is run as a test. Each source carries a flag:\n\n"
        f"{flags}\n\nA definition is *verified* only if every source was read where it was "
        "published.\n"
    ]
    for kind in kinds:
        mine = [item for item in definitions if item.kind == kind]
        rows = "".join(
            f"| [{cell(item.title)}](definitions/{item.id}.md) | `{item.id}` | {item.version} "
            f"| {'yes' if item.verified else 'no'} | {_count_cases(item) or ''} |\n"
            for item in mine
        )
        if mine:
            parts.append(
                f"## {MARKED.get(kind, kind.replace('_', ' ').capitalize())}\n\n"
                "| definition | id | version | verified | cases |\n|---|---|---|---|---|\n" + rows
            )
    names = "\n".join(f"definitions/{item.id}" for item in definitions if item.kind in MARKED)
    return "\n".join(parts) + f"\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{names}\n```\n"


def _count_cases(item: Definition) -> int:
    return len(read_chapter(item.id)) if (FOLDER / f"{item.id}.md").exists() else 0


def _write_chapter(item: Definition, structure: str) -> str:
    mark = "verified" if item.verified else '<span class="unverified">not verified</span>'
    parts = [
        "" if item.kind in MARKED else "---\norphan: true\n---",
        f"# {cell(item.title)}",
        f"`{item.id}`, version {item.version}, {item.kind.replace('_', ' ')}, {mark}",
        cell(item.wording),
        structure,
        _list_section("Notes", [cell(note) for note in item.notes]),
        _list_section("Sources", [_cite(source) for source in item.sources]),
        _write_cases(item),
        _list_section("Versions", _find_changes(item)),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _list_section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}\n", *(f"- {line}" for line in lines)]) if lines else ""


def _cite(source: Source) -> str:
    """Write a source; one that was not read where it was published is marked."""
    mark = "" if source.flag in ("V", "P") else ' <span class="unverified">unverified</span>'
    return cell(cite(source)) + mark


def _find_changes(item: Definition) -> list[str]:
    """Find what the changelog says of a definition; else say which version this is."""
    text = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    entries = re.findall(r"(?ms)^- .*?(?=^\S|^$|\Z)", text)
    said = [" ".join(entry[2:].split()) for entry in entries if f"`{item.id}`" in entry]
    return said or [f"{item.version}: first version."]


def _write_cases(item: Definition) -> str:
    """Turn the chapter of the specification into the end of this one."""
    path = FOLDER / f"{item.id}.md"
    if not path.exists():
        return ""
    body = path.read_text(encoding="utf-8").partition("\n")[2]
    body = re.sub(r"(?m)^## ", "### ", body)
    drawn = TABLE.sub(lambda found: "".join(_draw_table(found.group())), body)
    return (
        "## Cases\n\n"
        f"{_count_cases(item)} drawn children; each row is a test. Left of the line stands what is "
        "recorded of the child, right of it what the definition must say. Days count from day 0; "
        "`8>0` is day 0 and day 28, `0:6 3:4` are days and values, `/200` the upper limit of "
        "normal, a dash not recorded.\n" + drawn
    )


def _draw_table(block: str) -> Iterator[str]:
    """Draw one table of a chapter as HTML, so that states and sides can be told apart."""
    header, rows = read_table(block)
    if header[0] == EVERY_CHILD:
        facts = "; ".join(f"`{name}` {value}" for name, value in rows)
        yield f"Every child: {facts}.\n"
        return
    if header[0] == STUDY_DECLARES:
        facts = "; ".join(f"`{name}` from {low} to {high}" for name, low, high, _ in rows)
        yield f"The study declares {facts}.\n"
        return
    place = header.index(ARROW)
    columns = [number for number in range(len(header)) if number != place]
    yield '<div class="cases-wrapper" tabindex="0"><table class="cases">\n<thead><tr>'
    yield "".join(
        f'<th scope="col"{_side(number, place)}>{_break(header[number])}</th>' for number in columns
    )
    yield "</tr></thead>\n<tbody>\n"
    for row in rows:
        yield "<tr>"
        yield "".join(
            f"<td{_side(number, place, row[number])}>{_say(row[number])}</td>" for number in columns
        )
        yield "</tr>\n"
    yield "</tbody></table></div>\n"


def _side(number: int, place: int, text: str = "") -> str:
    """Give the classes of a cell: left or right of the line, first there, its state."""
    words = ["must"] if number > place else []
    words += ["first"] if number == place + 1 else []
    words += [text] if text in STATES and number > place else []
    words += ["absent"] if text == "-" else []
    return f' class="{" ".join(words)}"' if words else ""


def _say(text: str) -> str:
    if text in NOTHING:
        return "–" if text else ""
    return _break(text.replace("_", " ") if text in STATES else text)


def _break(text: str) -> str:
    """Let long names break after an underscore."""
    return escape(text).replace("_", "_<wbr>")
