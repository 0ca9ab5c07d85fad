"""Which model reads which kind of definition file."""

from __future__ import annotations

from heliotrope.definitions.drug import DrugSet
from heliotrope.definitions.evidence import Evidence
from heliotrope.definitions.measure import MeasureSet
from heliotrope.definitions.model import Definition

KINDS: dict[str, type[Definition]] = {
    "drugs": DrugSet,
    "measures": MeasureSet,
}

KINDS["evidence"] = Evidence
