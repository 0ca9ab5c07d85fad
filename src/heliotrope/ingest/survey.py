"""Look through a study once: which sources it has, and what is decided of it as a whole.

What no row can say by itself is settled here: how files and columns are written, whose identifiers
a source uses, which source counts before which. After that the rows of a child can be read without
those of any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from heliotrope.definitions.load import Rulebook
from heliotrope.errors import Found, UserError
from heliotrope.ingest.context import ReadContext, make_context
from heliotrope.ingest.delivery import Delivery, Numbered, number_deliveries
from heliotrope.ingest.forms import read_deliveries
from heliotrope.ingest.ingested import StudySources
from heliotrope.ingest.laid import Laid, Looked, look_through
from heliotrope.ingest.linking.identifiers import Named, gather_identifiers, join_identifiers
from heliotrope.ingest.linking.link_table import LinkTable, apply_links, read_links
from heliotrope.ingest.linking.precedence import Sources, make_sources
from heliotrope.ingest.proofs import prove_whole
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.tabular.large import LargeTable
from heliotrope.ingest.waiting import Waiting, list_waiting, number_waiting

_MEGABYTE = 1 << 20


class Tell(Protocol):
    """Hears which step is at work, how much of it is done and how much there is."""

    def __call__(self, step: str, done: int = 0, total: int = 1, /) -> None:
        """Hear it."""


@dataclass(frozen=True)
class Survey:
    """A study looked through.

    numbered: its sources, and the rows of those that are held. on_disk: tables that are not.
    waiting: forms whose rows wait where they are.
    sources: which of them counts before which. named: whose identifiers they use.
    """

    study: StudySources
    context: ReadContext
    numbered: Numbered
    on_disk: tuple[Laid, ...]
    waiting: tuple[Waiting, ...]
    sources: Sources
    named: tuple[Named, ...]

    @property
    def is_held(self) -> bool:
        """Say whether all rows are held."""
        return not self.on_disk and not self.waiting

    def close(self) -> None:
        """Let go of the files whose rows wait."""
        for item in self.waiting:
            item.apart.close()

    def count_children(self, table: str | None = None) -> int:
        """Count the children that the rows name: all, or those of rows for one table."""
        of_table = [item for item in self.named if table in (None, item.table)]
        return join_identifiers(of_table).len()

    @property
    def input_hashes(self) -> dict[str, str]:
        """Return the SHA-256 of every file by its name."""
        return {
            name: sha256
            for item in self.numbered.deliveries
            for name, sha256 in item.hashes.items()
        }

    def check(self) -> None:
        """Stop if a file no longer is what was read."""
        for delivery in self.numbered.deliveries:
            delivery.check()


def survey_study(
    study: StudySources, rulebook: Rulebook, tell: Tell, large_from: int | None = None
) -> Survey:
    """Look through every source of a study.

    ``large_from``: tables of so many bytes of text stay on disk; None: every row is held.
    Errors: what makes a file as a whole untrustworthy (no such file, missing column, ambiguous
    dates or numbers): UserError.
    """
    context = make_context(rulebook)
    deliveries = read_deliveries(study, context, tell, large_from)
    links = read_links(study, context)
    looked = [[_look(table, item, links, context, tell) for table in item.large]
              for item in deliveries]  # fmt: skip
    waiting = list_waiting(deliveries, links)
    asked = [each.seen for some in looked for each in some]
    asked += [item.show_links() for item in waiting]
    seen = {
        number: [each[number] for each in asked if number in each] for number in range(len(links))
    }
    deliveries = [_add(*pair) for pair in zip(deliveries, looked, strict=True)]
    numbered = number_deliveries(apply_links(study, deliveries, links, seen))
    _check_not_empty(numbered.raws)
    numbered = replace(
        numbered, staged=tuple(prove_whole(staged, context) for staged in numbered.staged)
    )
    each = [item for some in looked for item in some]
    return Survey(
        study,
        context,
        numbered,
        tuple(replace(item.laid, source=numbered.number_of(item.laid.table.raw)) for item in each),
        tuple(number_waiting(item, numbered) for item in waiting),
        make_sources(numbered, [source.file for source in study.sources], study.precedence),
        (
            *gather_identifiers(numbered),
            *(named for item in each for named in item.named),
            *(named for item in waiting for named in item.name_children()),
        ),
    )


def _look(
    table: LargeTable,
    delivery: Delivery,
    links: Sequence[LinkTable],
    context: ReadContext,
    tell: Tell,
) -> Looked:
    name = delivery.source or table.raw.file
    mine = {number: link for number, link in enumerate(links) if link.link.source == name}
    say = partial(tell_bytes, tell, f"reading {table.raw.file}, MB", table.size)
    return look_through(Laid(table, mine), name, context, say)


def tell_bytes(tell: Tell, step: str, size: int, done: int) -> None:
    """Say how many megabytes of a file are read."""
    tell(step, done // _MEGABYTE, max(1, size // _MEGABYTE))


def _add(delivery: Delivery, looked: Sequence[Looked]) -> Delivery:
    """Make the tables on disk sources like all others."""
    return replace(
        delivery,
        raws=(*delivery.raws, *(item.laid.table.raw for item in looked)),
        notes=(*delivery.notes, *(note for item in looked for note in item.notes)),
        large=(),
    )


def _check_not_empty(raws: Sequence[RawTable]) -> None:
    if not any(raw.rows_in for raw in raws):
        raise UserError(
            "at least one row of records",
            Found(f"no row in {_name_files(raws)}"),
            "fill in the tables",
        )


def _name_files(raws: Sequence[RawTable]) -> str:
    """Name each file once, a workbook as all of its sheets."""
    named = {f"any sheet of {raw.file}" if raw.sheet else raw.file: None for raw in raws}
    return ", ".join(named)
