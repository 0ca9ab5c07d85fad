"""Which model reads which kind of definition file."""

from __future__ import annotations

from heliotrope.definitions.adam import AdamSet
from heliotrope.definitions.checklist import Checklist
from heliotrope.definitions.codes import CodeList, CodeSystems
from heliotrope.definitions.cohort_entry import CohortEntry
from heliotrope.definitions.disclosure import DisclosureControl
from heliotrope.definitions.dosing import DoseRule, FollowedDrugs
from heliotrope.definitions.drug import DrugSet
from heliotrope.definitions.drug_text import DrugText
from heliotrope.definitions.estimate import DescriptiveEstimates
from heliotrope.definitions.evidence import Evidence
from heliotrope.definitions.exposure import IvigExposure, MeasureInForce
from heliotrope.definitions.glucocorticoid import GlucocorticoidRule
from heliotrope.definitions.haemolysis import HaemolysisCase
from heliotrope.definitions.indication import IvigIndication
from heliotrope.definitions.item_form import ItemForm
from heliotrope.definitions.literature import Literature
from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.definitions.measure import MeasureSet
from heliotrope.definitions.model import Definition
from heliotrope.definitions.model_free import ModelFreeEstimates
from heliotrope.definitions.omop_model import OmopConcepts, OmopModel
from heliotrope.definitions.pooling import PoolingOfSites
from heliotrope.definitions.pulse_model import PulseModel
from heliotrope.definitions.redcap_project import RedcapProject
from heliotrope.definitions.registry_comparison import RegistryComparison
from heliotrope.definitions.report_words import ReportWords
from heliotrope.definitions.response import AggravationDefinition, ResponseDefinition
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.definitions.safety import GradingSystem, ReactionWindows
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.definitions.score_table import ScoreTableWords
from heliotrope.definitions.sdtm import SdtmTerms
from heliotrope.definitions.side_by_side import SideBySide
from heliotrope.definitions.steroid import (
    SteroidDependenceConcept,
    SteroidDiscontinuation,
    SteroidResistance,
)
from heliotrope.definitions.steroid_sparing import PublishedSteroidCut, SteroidSparing
from heliotrope.definitions.vocabulary import (
    CellFormats,
    FindingRules,
    PlausibilityLimits,
    Vocabulary,
)

KINDS: dict[str, type[Definition]] = {
    "dose_rule": DoseRule,
    "drugs": DrugSet,
    "exposure": IvigExposure,
    "followed_drugs": FollowedDrugs,
    "glucocorticoid": GlucocorticoidRule,
    "measures": MeasureSet,
    "measure_in_force": MeasureInForce,
}

KINDS["evidence"] = Evidence
KINDS["literature"] = Literature
KINDS["grading"] = GradingSystem
KINDS["indication"] = IvigIndication
KINDS["reaction_windows"] = ReactionWindows
KINDS["estimate"] = DescriptiveEstimates
KINDS["model_free"] = ModelFreeEstimates
KINDS["pulse_model"] = PulseModel
KINDS["rule"] = RuleDefinition
KINDS["score"] = ScoreDefinition
KINDS["response"] = ResponseDefinition
KINDS["aggravation"] = AggravationDefinition
KINDS["vocabulary"] = Vocabulary
KINDS["cell_formats"] = CellFormats
KINDS["plausibility"] = PlausibilityLimits
KINDS["finding_rules"] = FindingRules
KINDS["score_table"] = ScoreTableWords
KINDS["report_words"] = ReportWords
KINDS["item_form"] = ItemForm
KINDS["codes"] = CodeList
KINDS["code_systems"] = CodeSystems
KINDS["drug_text"] = DrugText
KINDS["haemolysis_case"] = HaemolysisCase
KINDS["steroid_resistance"] = SteroidResistance
KINDS["steroid_dependence"] = SteroidDependenceConcept
KINDS["steroid_discontinuation"] = SteroidDiscontinuation
KINDS["side_by_side"] = SideBySide
KINDS["registry_comparison"] = RegistryComparison
KINDS["steroid_sparing"] = SteroidSparing
KINDS["published_steroid_cut"] = PublishedSteroidCut
KINDS["checklist"] = Checklist
KINDS["cohort_entry"] = CohortEntry
KINDS["omop_cdm"] = OmopModel
KINDS["omop_concepts"] = OmopConcepts
KINDS["redcap_project"] = RedcapProject
KINDS["sdtm_terms"] = SdtmTerms
KINDS["mapping_words"] = MappingWords
KINDS["disclosure"] = DisclosureControl
KINDS["pooling"] = PoolingOfSites
KINDS["adam"] = AdamSet
