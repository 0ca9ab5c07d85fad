"""Write a proposal as a commented study.toml that can be loaded as it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from heliotrope.ingest.declared import FormSource
from heliotrope.ingest.proposal import MARK
from heliotrope.ingest.proposal.parts import (
    Entry,
    Proposal,
    ProposedFile,
    ProposedMeasure,
    ProposedSource,
)
from heliotrope.ingest.proposal.toml import quote, write_key

HEAD = """\
# A mapping proposed from the files named below. Nothing was decided for you:
#   lines with a value were found by name and by what stands in the column (the evidence follows);
#   lines after "proposed, confirm:" are in doubt and switched off. Decide each: remove the "# " in
#   front of its lines to accept it, or delete it; then delete the line that asks.
#   columns under "not placed" are not read.
# `heliotrope check` says what is still to be confirmed and what becomes of every row.
"""

# Keys whose values are TOML already (numbers, tables, lists), and no text.
_PLAIN = frozenset({"rows", "codes", "min", "max"})


def render_proposal(proposal: Proposal) -> str:
    """Render the whole file.

    Every line in doubt is a comment; an entry whose patient, date or another needed column is in
    doubt is switched off whole, so that what is left can be read.
    """
    lines = [HEAD, f"id = {quote(proposal.id)}", f"title = {quote(proposal.id.replace('_', ' '))}",
             '# population = "jdm"      # or "adult": whose thresholds']  # fmt: skip
    lines += [f"# {_one_line(note)}" for note in proposal.notes]
    scales = {item.measure: item for file in proposal.files for item in file.scales}
    for scale in scales.values():
        body = [f"[measures.{scale.measure}]", *(_line(entry) for entry in scale.lines)]
        lines += ["", *_switch_off(body, scale.doubt)]
    for form in proposal.forms:
        lines += ["", f"# {form.evidence}", *_render_form(form.source)]
    for file in proposal.files:
        lines += _render_file(file)
    return "\n".join(lines) + "\n"


def _render_form(source: FormSource) -> Iterator[str]:
    given = source.model_dump(exclude_defaults=True, exclude={"form"})
    yield "[[source]]"
    yield f"form = {quote(source.form)}"
    yield from (f"{key} = {quote(value)}" for key, value in given.items() if isinstance(value, str))


def _render_file(file: ProposedFile) -> Iterator[str]:
    sheet = f", sheet {file.sheet}" if file.sheet else ""
    yield ""
    yield f"# ---- {_one_line(file.file + sheet)}: {file.rows:,} rows ----"
    yield from (f"# {_one_line(note)}" for note in file.notes)
    if file.form is not None:
        yield from _render_form(file.form)
    for source in file.sources:
        yield ""
        body = list(_render_source(source, is_part=file.form is not None))
        about = f"{PurePath(source.file).name} as {source.table}: "
        yield from _switch_off(body, about + source.doubt) if source.doubt else body
    if file.unplaced:
        yield ""
        yield "# not placed:"
    for item in file.unplaced:
        yield f"#   {_one_line(item.column)} ({_one_line(item.looks)}): {_one_line(item.why)}"


def _render_source(source: ProposedSource, *, is_part: bool) -> Iterator[str]:
    """Render one entry; ``is_part``: a table of a REDCap project, not a source of its own."""
    within = "source.tables" if is_part else "source"
    yield f"[[{within}]]" + (f"  # {source.evidence}" if source.evidence else "")
    if not is_part:
        yield f"file = {quote(source.file)}"
        if source.sheet is not None:
            yield f"sheet = {quote(source.sheet)}"
    yield f"table = {quote(source.table)}"
    yield from _render_lines(source.header_lines)
    for name, lines in (
        ("fields" if is_part else "columns", source.columns),
        ("carried", source.carried),
        ("constants", source.constants),
        ("dates", source.dates),
    ):
        yield from _render_part(f"[{within}.{name}]", lines)
    for codes in source.codes:
        yield from _render_part(
            f"[{within}.codes.{codes.column}]", codes.lines, f"{codes.column}: "
        )
    for measure in source.measures:
        yield from _render_measure(measure, within)


def _render_part(head: str, lines: Sequence[Entry], about: str = "") -> Iterator[str]:
    if not lines:
        return
    yield head
    yield from _render_lines(lines, about)


def _render_lines(lines: Iterable[Entry], about: str = "") -> Iterator[str]:
    """Render lines of TOML; ``about`` says in a question what it is about."""
    for entry in lines:
        if entry.doubt is None:
            yield _line(entry)
        else:
            yield from _switch_off([_line(entry)], f"{about or f'{entry.key}: '}{entry.doubt}")


def _render_measure(measure: ProposedMeasure, within: str) -> Iterator[str]:
    about = f"{next(line.value for line in measure.lines if line.key == 'column')}: "
    lines = _render_lines(measure.lines, about)
    body = [f"[[{within}.measures]]  # {_one_line(measure.evidence)}", *lines]
    yield from _switch_off(body, about + measure.doubt) if measure.doubt else body


def _switch_off(body: Iterable[str], doubt: str) -> Iterator[str]:
    yield f"# {MARK} {_one_line(doubt)}"
    yield from (f"# {line}" for line in body)


def _line(entry: Entry) -> str:
    value = entry.value if entry.key in _PLAIN else quote(entry.value)
    evidence = f"  # {_one_line(entry.evidence)}" if entry.evidence else ""
    return f"{write_key(entry.key)} = {value}{evidence}"


def _one_line(text: str) -> str:
    """Keep a text from breaking out of its comment."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
