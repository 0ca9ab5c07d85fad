"""Which model reads which kind of definition file."""

from __future__ import annotations

from heliotrope.definitions.evidence import Evidence
from heliotrope.definitions.model import Definition

KINDS: dict[str, type[Definition]] = {}

KINDS["evidence"] = Evidence
