"""Children who received IVIG beside children of the same registry who did not, from diagnosis on.

Most cohorts cannot answer this and are told so at once: the models are loaded only where enough
children were treated, and enough were not.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import polars as pl

from heliotrope.definitions.registry_comparison import REGISTRY_COMPARISON, RegistryComparison
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded

CHILD = "patient_id"

OUTCOMES = (("registry_activity", "mean_difference"), ("registry_inactive", "odds_ratio"))

DESCRIBED = (
    ("treated", "before"),
    ("treated", "during"),
    ("untreated", "first"),
    ("untreated", "last"),
)

NOT_MEASURED = worded(
    "the physician global was not recorded at such a time in any of these children"
)


FEW_TREATED = worded(
    "{children} children received IVIG; a comparison with untreated children needs at least {least}"
)

FEW_UNTREATED = worded(
    "{children} children never received IVIG; a comparison with them needs at least {least}"
)


def estimate_registry_comparison(inputs: Inputs) -> list[Row]:
    """Compare treated with untreated children, or say in words why it cannot be done.

    Refused with few treated or untreated children, with activity unrecorded before the starts,
    with weights that leave few effective children, or that do not average about 1; then activity
    before and during IVIG, and in untreated children, is described instead. Without any IVIG, or
    without a child who never had it, nothing is said but that.
    """
    numbers = inputs.rulebook.get(REGISTRY_COMPARISON, RegistryComparison)
    topic = replace(inputs.topic("registry_activity", REGISTRY_COMPARISON), level=numbers.level)
    treated = inputs.table("regimen")[CHILD].n_unique()
    refused = _find_refusal_of_counts(treated, inputs.patients.height - treated, numbers)
    if refused is not None:
        return [*refuse_comparison(topic, refused), *describe_activity(inputs, topic, numbers)]
    from heliotrope.estimate.registry.result import estimate_comparison_rows

    return estimate_comparison_rows(inputs, topic, numbers)


def _find_refusal_of_counts(
    treated: int, untreated: int, numbers: RegistryComparison
) -> str | None:
    """Say in words that too few children could be compared, whoever they are."""
    limits = numbers.refusal
    if treated < limits.fewest_treated:
        return FEW_TREATED.format(children=treated, least=limits.fewest_treated)
    if untreated < limits.fewest_untreated:
        return FEW_UNTREATED.format(children=untreated, least=limits.fewest_untreated)
    return None


def refuse_comparison(topic: Topic, reason: str) -> list[Row]:
    """Return one refused row for each outcome."""
    return [
        topic.of(analysis).refuse("weighted", statistic, reason) for analysis, statistic in OUTCOMES
    ]


def describe_activity(inputs: Inputs, topic: Topic, numbers: RegistryComparison) -> list[Row]:
    """Describe activity before and during IVIG, and at first and last in untreated children.

    Nobody is compared with anybody here. ``before``: the last value up to the first infusion;
    ``during``: the last from then to the end of the regimen's cover.
    """
    if inputs.first_regimens().height == 0:
        return []
    measure = numbers.outcomes.activity
    found = inputs.gather(partial(_find_activity, measure=measure))
    rows: list[Row] = []
    for group, name in DESCRIBED:
        described = topic.of("registry_description", group)
        values = found.filter((pl.col("group") == group) & (pl.col("name") == name))["value"]
        rows += described.summary(f"{measure}:{name}", values, NOT_MEASURED)
    return rows


def _find_activity(inputs: Inputs, measure: str) -> pl.DataFrame:
    values = (
        inputs.record("assessment")
        .filter((pl.col("measure") == measure) & pl.col("value").is_not_null())
        .sort(CHILD, "date", "row_id")
    )
    regimens = inputs.first_regimens().select(CHILD, "first_infusion", "cover_end")
    joined = values.join(regimens, on=CHILD, how="left", maintain_order="left")
    is_before = pl.col("date") <= pl.col("first_infusion")
    is_during = (pl.col("date") > pl.col("first_infusion")) & (
        pl.col("date") <= pl.col("cover_end")
    )
    never = joined.filter(pl.col("first_infusion").is_null())
    chosen = [
        joined.filter(is_before).unique(CHILD, keep="last", maintain_order=True),
        joined.filter(is_during).unique(CHILD, keep="last", maintain_order=True),
        never.unique(CHILD, keep="first", maintain_order=True),
        never.unique(CHILD, keep="last", maintain_order=True),
    ]
    return pl.concat(
        each.select("value", group=pl.lit(group), name=pl.lit(name))
        for each, (group, name) in zip(chosen, DESCRIBED, strict=True)
    )
