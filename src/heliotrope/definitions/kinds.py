"""Which model reads which kind of definition file."""

from __future__ import annotations

from heliotrope.definitions.drug import DrugSet
from heliotrope.definitions.estimate import DescriptiveEstimates
from heliotrope.definitions.evidence import Evidence
from heliotrope.definitions.exposure import IvigExposure, WeightInForce
from heliotrope.definitions.measure import MeasureSet
from heliotrope.definitions.model import Definition
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.definitions.score import ScoreDefinition

KINDS: dict[str, type[Definition]] = {
    "drugs": DrugSet,
    "exposure": IvigExposure,
    "measures": MeasureSet,
    "weight_in_force": WeightInForce,
}

KINDS["evidence"] = Evidence
KINDS["estimate"] = DescriptiveEstimates
KINDS["rule"] = RuleDefinition
KINDS["score"] = ScoreDefinition
