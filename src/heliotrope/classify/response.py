"""The response to IVIG: axes, pattern and trace, one row a child and regimen."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.classify.aggravation import Aggravations
from heliotrope.classify.confounding import find_confounders
from heliotrope.classify.decision import ROOT, decide_axes, make_decision_nodes
from heliotrope.classify.domains import flag_unmeasured_domains
from heliotrope.classify.response_facts import derive_visit_facts
from heliotrope.classify.room import derive_baseline_facts
from heliotrope.classify.steroid_effect import derive_steroid_facts
from heliotrope.classify.trace import Classified, make_nodes, used_all
from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.response import ResponseDefinition
from heliotrope.derive.derived import Derived
from heliotrope.derive.flags import collect_flags
from heliotrope.records.finding_tables import ShardFinding
from heliotrope.records.judgement_tables import Response

REGIMEN = ["patient_id", "regimen"]


@dataclass(frozen=True)
class ResponseInputs:
    """What is known before the response is decided."""

    derived: Derived
    visits: pl.DataFrame
    aggravations: Aggravations
    breaks: pl.DataFrame
    worse_than_best: pl.DataFrame


def classify_response(
    inputs: ResponseInputs, rulebook: Rulebook, definition: ResponseDefinition
) -> Classified:
    """Decide onset, loss, steroid effect, pattern, response and durability of each regimen."""
    criteria = definition.criteria
    facts = _gather(inputs, definition, rulebook)
    decided = decide_axes(facts, criteria, definition.axes)
    decided = _explain(decided, inputs, definition, rulebook)
    nodes = pl.concat(
        [
            make_nodes(
                decided,
                definition,
                node=pl.lit(ROOT),
                label=pl.col("pattern"),
                reason=pl.col("pattern.reason"),
                state=root_state(pl.col("pattern")),
            ),
            *make_decision_nodes(decided, definition, criteria, definition.axes),
        ]
    )
    table = decided.with_columns(
        onset_band=pl.when(pl.col("onset_band") != "not_applicable").then("onset_band"),
        onset_by_day=pl.when(pl.col("onset") != "never").then("onset_by_day"),
        onset_after_day=pl.when(pl.col("onset") != "never")
        .then("onset_after_day")
        .otherwise("last_day_before"),
        reason=pl.col("pattern.reason"),
        definition_id=pl.lit(definition.id),
        definition_version=pl.lit(definition.stamp),
    ).select(Response.column_names())
    return Classified(table, (nodes,), ShardFinding.create_empty())


def root_state(pattern: pl.Expr) -> pl.Expr:
    """Give the four-state reading of a pattern: improvement seen, not shown, not evaluable."""
    return (
        pl.when(pattern == "not_evaluable")
        .then(pl.lit("not_evaluable"))
        .when(pattern == "none")
        .then(pl.lit("not_met"))
        .otherwise(pl.lit("met"))
    )


def _gather(
    inputs: ResponseInputs, definition: ResponseDefinition, rulebook: Rulebook
) -> pl.DataFrame:
    """Join all facts of a regimen into one row."""
    derived = inputs.derived
    visit_facts = derive_visit_facts(inputs.visits, derived, definition)
    baseline_facts = derive_baseline_facts(derived, definition, rulebook)
    steroid_facts = derive_steroid_facts(derived, inputs.breaks, definition).drop(
        "first_infusion", "last_course_start", "observed_until"
    )
    stop_facts = inputs.aggravations.facts.select(
        *REGIMEN,
        "stopped",
        "on_treatment",
        "stop_reason_allows",
        "seen_after_stop",
        "aggravated_in_window",
        "is_small_reference",
    )
    facts = (
        visit_facts.join(baseline_facts, on=REGIMEN, how="left")
        .join(steroid_facts, on=REGIMEN, how="left")
        .join(stop_facts, on=REGIMEN, how="left")
        .join(inputs.worse_than_best, on=REGIMEN, how="left")
    )
    cells = {
        "onset_by_rapid": "first_improved_row_ids",
        "improved_on_regimen": "first_improved_row_ids",
        "physician_global_room": "physician_global_row_ids",
        "baseline_recorded": "baseline_row_ids",
        "baseline_dose": "dose_row_ids",
        "dose_share_reduced": "last_row_ids",
    }
    return facts.sort(REGIMEN).with_columns(
        used_all(pl.col(column)).alias(f"{criterion}.sources")
        for criterion, column in cells.items()
    )


def _explain(
    decided: pl.DataFrame,
    inputs: ResponseInputs,
    definition: ResponseDefinition,
    rulebook: Rulebook,
) -> pl.DataFrame:
    """Add confounders and flags: what a reader has to know beside the labels."""
    drugs = drugs_of(rulebook)
    derived = inputs.derived
    window = inputs.aggravations.window_days
    anchors = {
        "confounded_by": pl.col("first_improved_date"),
        "sparing_confounded_by": pl.when(pl.col("steroid_effect") == "sparing").then(
            "window_start"
        ),
        "sustained_confounded_by": pl.when(pl.col("durability") == "sustained").then(
            pl.when(pl.col("on_treatment") > 0)
            .then(pl.col("first_infusion") + pl.duration(days=pl.col("last_visit_day")))
            .otherwise(pl.col("last_infusion") + pl.duration(days=window))
        ),
    }
    for column, anchor in anchors.items():
        found = find_confounders(
            decided.select(*REGIMEN, anchor.alias("anchor_date")),
            derived,
            drugs,
            definition.confounding,
        ).rename(
            {
                "confounded_by": column,
                "premedication_unrecorded": f"{column}.premedication_unrecorded",
            }
        )
        decided = decided.join(found, on=REGIMEN, how="left", maintain_order="left").with_columns(
            pl.col(column).fill_null(pl.lit([], dtype=pl.List(pl.String)))
        )
    decided = decided.with_columns(confounded=pl.col("confounded_by").list.len() > 0)
    decided = decided.join(
        inputs.visits.group_by(REGIMEN).agg(
            (pl.col("straddles") & pl.col("is_on_regimen")).any().alias("straddles")
        ),
        on=REGIMEN,
        how="left",
        maintain_order="left",
    ).join(
        flag_unmeasured_domains(derived, definition.followed_domains),
        on=REGIMEN,
        how="left",
        maintain_order="left",
    )
    return decided.with_columns(flags=_flags())


def _flags() -> pl.Expr:
    """Collect the flags of each regimen, sorted."""
    is_sparing = pl.col("steroid_effect") == "sparing"
    return collect_flags(
        {
            "baseline_low": pl.col("steroid_effect.reason") == "baseline_low",
            "bounds_straddle": pl.col("straddles"),
            "caveat_premedication_unrecorded": (pl.col("onset") == "rapid")
            & pl.col("confounded_by.premedication_unrecorded"),
            "domain_not_measured": pl.col("domain_not_measured"),
            "lost_before_stop": pl.col("durability.reason") == "lost_before_stop",
            "no_medication_record": pl.col("steroid_effect.reason") == "no_medication_record",
            "onset_after_second_course": pl.col("onset.reason") == "after_second_course",
            "small_reference": pl.col("is_small_reference"),
            "sparing_confounded": pl.col("sparing_confounded_by").list.len() > 0,
            "sparing_lost": is_sparing & pl.col("sparing_lost"),
            "sustained_confounded": pl.col("sustained_confounded_by").list.len() > 0,
            "weight_missing": pl.col("steroid_effect.reason") == "weight_missing",
            "within_standard_taper": is_sparing & pl.col("within_standard_taper"),
        }
    )
