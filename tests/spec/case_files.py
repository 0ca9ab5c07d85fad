"""The chapters of the specification: Markdown files of small tables, read here and by the manual.

``cases/<definition id>.md`` is the chapter of one definition. Below a heading of its own (``##``)
stand a sentence or two and tables. In a table of cases each row is one child: the first column
names the case, the columns up to ``=>`` are what is recorded, those after it what the definition
must say. A table that begins with ``every child`` gives records to all children of its section, one
that begins with ``the study declares`` the scale of a measure. CONTRIBUTING.md explains the cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from heliotrope.definitions.settings import MeasureSetting, Settings

FOLDER = Path(__file__).parent / "cases"
ARROW = "=>"
EVERY_CHILD = "every child"
STUDY_DECLARES = "the study declares"
NOTHING = ("", "-")
TABLE = re.compile(r"(?m)(?:^\|.*\n?)+")

Words = dict[str, str]


@dataclass(frozen=True)
class Case:
    """One child: what is recorded of it and what the definition must say, as written."""

    definition_id: str
    section: str
    title: str
    given: Words
    expected: Words
    settings: Settings

    @property
    def patient_id(self) -> str:
        """A pseudonym that no other case of the specification has."""
        return f"{self.definition_id} / {self.section} / {self.title}"


@dataclass
class _Section:
    title: str
    common: Words = field(default_factory=dict)
    measures: dict[str, MeasureSetting] = field(default_factory=dict)


def list_chapters() -> list[str]:
    """Name the definitions that have a chapter."""
    return sorted(path.stem for path in FOLDER.glob("*.md"))


def read_chapter(definition_id: str) -> list[Case]:
    """Read the cases of one definition, in the order in which they are written."""
    text = (FOLDER / f"{definition_id}.md").read_text(encoding="utf-8")
    head, *sections = re.split(r"(?m)^## ", text)
    assert head.startswith(f"# `{definition_id}`\n"), f"{definition_id}.md begins with its name"
    cases = [case for section in sections for case in _read_section(definition_id, section)]
    names = [case.patient_id for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"named twice: {sorted(twice)}"
    return cases


def read_all() -> list[Case]:
    """Read every case of every chapter."""
    return [case for name in list_chapters() for case in read_chapter(name)]


def _read_section(definition_id: str, text: str) -> Iterator[Case]:
    section = _Section(text.partition("\n")[0].strip())
    for header, rows in _find_tables(text):
        if header[0] == EVERY_CHILD:
            section.common |= {row[0]: row[1] for row in rows}
        elif header[0] == STUDY_DECLARES:
            for measure, low, high, better in rows:
                section.measures[measure] = MeasureSetting.model_validate(
                    {"min": float(low), "max": float(high), "direction": better}
                )
        else:
            assert ARROW in header, f"{definition_id}, {section.title}: no column {ARROW}"
            place = header.index(ARROW)
            for row in rows:
                yield Case(
                    definition_id=definition_id,
                    section=section.title,
                    title=row[0],
                    given=_recorded(
                        {**section.common, **dict(zip(header[1:place], row[1:place], strict=True))}
                    ),
                    expected=dict(zip(header[place + 1 :], row[place + 1 :], strict=True)),
                    settings=Settings(measures=section.measures),
                )


def _recorded(cells: Words) -> Words:
    return {name: cell for name, cell in cells.items() if cell not in NOTHING}


def _find_tables(text: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Find the tables of a text: header and rows, cell by cell."""
    for block in TABLE.findall(text):
        yield read_table(block)


def read_table(block: str) -> tuple[list[str], list[list[str]]]:
    """Read one Markdown table into its header and its rows.

    >>> read_table("| a | b |\\n|---|---|\\n| 1 |   |")
    (['a', 'b'], [['1', '']])
    """
    header, rule, *rows = [
        [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        for line in block.strip().splitlines()
    ]
    assert set("".join(rule)) <= set("-:"), f"no rule under {header}"
    for row in rows:
        assert len(row) == len(header), f"{len(header)} cells expected: {row}"
    return header, rows
