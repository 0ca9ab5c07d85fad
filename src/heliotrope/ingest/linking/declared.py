"""What study.toml may say of several sources: link tables, and which source counts."""

from __future__ import annotations

from pydantic import Field

from heliotrope.definitions.model import Frozen


class Link(Frozen):
    """A table that translates the identifiers of one source into those of the study.

    source: the ``file`` of the ``[[source]]`` entries whose identifiers are translated.
    file, sheet: the link table. from, to: its columns with their identifier and with the study's.
    """

    source: str
    file: str
    sheet: str | None = None
    from_column: str = Field(alias="from")
    to_column: str = Field(alias="to")
