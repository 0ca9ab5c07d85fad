"""What a proposed mapping says in a terminal: what was placed, what is in doubt, what was left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from heliotrope.ingest.proposal import find_unconfirmed

if TYPE_CHECKING:
    from heliotrope.ingest.proposal.parts import ProposedFile, ProposedSource
    from heliotrope.ingest.proposal.propose import WrittenProposal

MOST_UNPLACED = 12


def print_proposal(written: WrittenProposal) -> None:
    """Print file by file what is proposed, what must be decided, and what to do next."""
    console = Console(highlight=False)
    proposal = written.proposal
    for form in proposal.forms:
        console.print(Text(form.evidence))
    for file in proposal.files:
        _print_file(console, file)
    open_questions = find_unconfirmed(written.path.read_text(encoding="utf-8"))
    console.print()
    console.print(Text(f"Wrote {written.path}"), soft_wrap=True)
    if open_questions:
        console.print(
            f"{len(open_questions)} proposals are in doubt and switched off: read them in that "
            "file (the lines after 'proposed, confirm:') and decide each."
        )
    console.print("Nothing was changed in your files. Then run:")
    console.print(Text(f"  heliotrope check {written.path.parent}"), soft_wrap=True)


def _print_file(console: Console, file: ProposedFile) -> None:
    sheet = f", sheet {file.sheet}" if file.sheet else ""
    console.print(Text(f"{file.file}{sheet}: {file.rows:,} rows", style="bold"))
    for source in file.sources:
        state = Text("in doubt", style="yellow") if source.doubt else Text("read", style="green")
        line = Text(f"as {source.table}: ").append_text(state)
        console.print(Padding(line.append(f"; {_say_columns(source)}"), (0, 0, 0, 2)))
        if source.doubt:
            console.print(Padding(Text(source.doubt), (0, 0, 0, 6)))
        for doubt in _list_doubts(source):
            console.print(Padding(Text("? ", style="yellow").append(doubt), (0, 0, 0, 4)))
    if not file.sources:
        said = "; ".join(file.notes) or "no column means anything known here"
        console.print(Padding(Text(f"nothing is proposed: {said}"), (0, 0, 0, 2)))
    if file.unplaced:
        names = [item.column for item in file.unplaced[:MOST_UNPLACED]]
        more = len(file.unplaced) - len(names)
        said = f"not placed: {', '.join(names)}{f' and {more} more' if more else ''}"
        console.print(Padding(Text(said, style="dim"), (0, 0, 0, 2)))


def _say_columns(source: ProposedSource) -> str:
    pairs = [f"{line.key} = {line.value}" for line in source.columns if line.doubt is None]
    for item in source.measures:
        given = {line.key: line.value for line in item.lines}
        if item.doubt is None:
            pairs.append(f"{given['measure']} = {given['column']}")
    return ", ".join(pairs) or "no column is certain"


def _list_doubts(source: ProposedSource) -> Iterator[str]:
    lines = [*source.columns, *source.constants]
    yield from (f"{line.key}: {line.doubt}" for line in lines if line.doubt and not source.doubt)
    for codes in source.codes:
        asked = [line for line in codes.lines if line.doubt]
        if asked:
            yield f"{codes.column}: {len(asked)} words are not known, e.g. {asked[0].key}"
    for item in source.measures:
        column = next(line.value for line in item.lines if line.key == "column")
        if item.doubt is not None:
            yield f"{column}: {item.doubt}"
        yield from (f"{column}: {line.doubt}" for line in item.lines if line.doubt)
