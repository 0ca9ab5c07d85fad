"""Do reactions follow some infusions more than others: by product, IgA content and infusion rate.

Only where the records say what was given. Each product's share of infusions followed by a reaction
is printed with the children counted. Two kinds of infusion are compared by the difference of their
shares, with an error that takes a child's infusions together (each child's own excess, squared and
added up) and under ``min_children_comparison`` children not at all. A comparison is an
association: products and rates are chosen by how a child fared before.

Infusion rates are read from text such as ``25 mL/h`` or ``1.5 mL/kg/h``; mL/h needs the child's
weight. Not readable: counted as not recorded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from heliotrope.estimate import wording
from heliotrope.estimate.events.clustered_reactions import (
    DAY,
    Followed,
    derive_followed,
    describe_share,
)
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.intervals import Interval, compute_student_quantile
from heliotrope.estimate.reactions import ALL, NO_DENOMINATOR
from heliotrope.estimate.rows import Figure, Row, Topic
from heliotrope.estimate.wording import worded

NO_PRODUCT = worded("no infusion has a recorded product")

ONE_PRODUCT = worded("all infusions with a recorded product had the same one ({product})")

NO_IGA = worded(
    "the IgA content of the products is not known: no verified table of it exists here, and a "
    "study's own (iga_classes of estimates_without_a_model) names none of them"
)

ONE_IGA = worded("all infusions of known IgA content were of {which} content")

NO_RATE = worded("no infusion rate could be read in mL/h (with a weight) or mL/kg/h")

NO_DIFFERENCE = worded(
    "reactions followed all of these infusions, or none: the rates cannot be compared"
)

TOO_FEW = worded("{children} children: such a comparison is only made from {least} on")

RATE = r"^\s*(\d+(?:[.,]\d+)?)\s*m[lL]\s*/\s*(kg\s*/\s*)?(h|hr|hour|min)\s*$"

OTHER_PRODUCTS = "other_products"

MINUTES_PER_HOUR = 60


POINTS = worded("{points} percentage points; an association")

PER_HOUR = worded("{rate} mL/kg/h; an association")


@dataclass(frozen=True)
class Difference:
    """The difference of two means over units of children, with its error counting children."""

    value: float
    error: float
    children: int


def estimate_reaction_comparisons(inputs: Inputs) -> list[Row]:
    """Compare infusions by product, by IgA content and by rate, or say what is missing."""
    followed = derive_followed(inputs, ALL)
    products = _join_products(inputs, followed)
    topic = inputs.topic("reactions_by_product", inputs.model_free.id)
    return [
        *_compare_products(inputs, topic, products),
        *_compare_iga(inputs, topic.of("reactions_by_iga"), products),
        *_compare_rates(inputs, topic.of("reactions_by_rate"), followed),
    ]


def estimate_difference(values: pl.DataFrame) -> Difference:
    """Compare the mean of ``value`` where ``is_second`` with that where not, children together.

    ``values``: patient_id, is_second, value; both kinds must occur. A child with infusions of both
    kinds counts once, with its excess in each added up. The error is that of linearised means.

    >>> frame = pl.DataFrame({"patient_id": ["a", "a", "b", "b"], "value": [1.0, 0.0, 0.0, 0.0],
    ...                       "is_second": [True, False, True, False]})
    >>> found = estimate_difference(frame)
    >>> found.value, round(found.error, 3), found.children
    (0.5, 0.354, 2)
    """
    sizes = {bool(key): count for key, count in values.group_by("is_second").len().rows()}
    means = {
        bool(key): mean
        for key, mean in values.group_by("is_second").agg(pl.col("value").mean()).rows()
    }
    mean = pl.when("is_second").then(means[True]).otherwise(means[False])
    size = pl.when("is_second").then(float(sizes[True])).otherwise(-float(sizes[False]))
    per_child = values.group_by("patient_id").agg(excess=((pl.col("value") - mean) / size).sum())[
        "excess"
    ]
    spread = math.sqrt(math.fsum(excess**2 for excess in per_child))
    return Difference(means[True] - means[False], spread, per_child.len())


def _join_products(inputs: Inputs, followed: Followed) -> pl.DataFrame:
    """Give the infusion days with a recorded product."""
    recorded = (
        inputs.table("infusion_day")
        .filter(pl.col("course").is_not_null() & pl.col("product").is_not_null())
        .select("patient_id", "date", "product")
        .unique(["patient_id", "date"], keep="first", maintain_order=True)
    )
    return followed.days.join(recorded, on=["patient_id", "date"]).sort(DAY)


def _compare_products(inputs: Inputs, topic: Topic, products: pl.DataFrame) -> list[Row]:
    """Describe each product's infusions, and compare the one given most with all others."""
    rows = [topic.count("product_recorded", products.height)]
    if products.height == 0:
        return [*rows, topic.refuse("difference", "difference_clustered", NO_PRODUCT)]
    products = _join_rare(products, inputs.model_free.reactions.most_products)
    sizes = products.group_by("product").len().sort(["len", "product"], descending=[True, False])
    names = sizes["product"].to_list()
    for name in names:
        of_product = Followed(products.filter(pl.col("product") == name))
        rows += describe_share(inputs, topic, name, of_product.per_child(DAY))
    if len(names) == 1:
        reason = ONE_PRODUCT.format(product=names[0])
        return [*rows, topic.refuse("difference", "difference_clustered", reason)]
    compared = products.with_columns(is_second=pl.col("product") != names[0])
    return [*rows, _difference_row(inputs, topic, f"others_less:{names[0]}", compared)]


def _join_rare(products: pl.DataFrame, most: int) -> pl.DataFrame:
    """Keep the products given most often; where there are more than ``most``, join the others."""
    sizes = products.group_by("product").len().sort(["len", "product"], descending=[True, False])
    if sizes.height <= most:
        return products
    kept = pl.col("product").is_in(sizes["product"].head(most - 1).to_list())
    return products.with_columns(
        product=pl.when(kept).then(pl.col("product")).otherwise(pl.lit(OTHER_PRODUCTS))
    )


def _compare_iga(inputs: Inputs, topic: Topic, products: pl.DataFrame) -> list[Row]:
    """Compare products of high with products of low IgA content, where the study says which."""
    classes = {item.product: item.is_high for item in inputs.model_free.reactions.iga_classes}
    known = products.with_columns(
        is_second=pl.col("product").replace_strict(classes, default=None, return_dtype=pl.Boolean)
    ).filter(pl.col("is_second").is_not_null())
    rows = [topic.count("iga_content_known", known.height, products.height)]
    if known.height == 0:
        return [*rows, topic.refuse("high_less_low", "difference_clustered", NO_IGA)]
    for name, is_high in (("high", True), ("low", False)):
        of_class = Followed(known.filter(pl.col("is_second") == is_high))
        rows += describe_share(inputs, topic, name, of_class.per_child(DAY))
    if known["is_second"].n_unique() == 1:
        reason = ONE_IGA.format(which="high" if known["is_second"][0] else "low")
        return [*rows, topic.refuse("high_less_low", "difference_clustered", reason)]
    return [*rows, _difference_row(inputs, topic, "high_less_low", known)]


def _difference_row(inputs: Inputs, topic: Topic, variable: str, values: pl.DataFrame) -> Row:
    """Give the difference of two shares of infusions followed by a reaction, or why not."""
    name, least = "difference_clustered", inputs.model_free.reactions.min_children_comparison
    children = values["patient_id"].n_unique()
    if children < least:
        return topic.refuse(
            variable, name, TOO_FEW.format(children=children, least=least), children
        )
    if values["is_followed"].n_unique() == 1:
        return topic.refuse(variable, name, NO_DIFFERENCE, children)
    found = estimate_difference(values.with_columns(value=pl.col("is_followed").cast(pl.Float64)))
    interval = _make_interval(topic, found)
    points = wording.estimate(100 * found.value, Interval(100 * interval.low, 100 * interval.high))
    words = POINTS.format(points=points)
    return topic.figure(variable, name, Figure(found.value, words, children, interval))


def _make_interval(topic: Topic, found: Difference) -> Interval:
    """Give Student's interval: the children, not the infusions, are the degrees of freedom."""
    half = compute_student_quantile(1 - (1 - topic.level) / 2, found.children - 1) * found.error
    return Interval(found.value - half, found.value + half)


def derive_rates(inputs: Inputs) -> pl.DataFrame:
    """Give the fastest rate read on each infusion day: patient_id, date, ``ml_per_kg_h``."""
    weights = inputs.table("infusion_day").select("patient_id", "date", "weight_kg")
    parts = pl.col("rate").str.extract_groups(RATE)
    number = parts.struct.field("1").str.replace(",", ".", literal=True).cast(pl.Float64)
    per_hour = number * pl.when(parts.struct.field("3") == "min").then(MINUTES_PER_HOUR).otherwise(
        1
    )
    is_per_kg = parts.struct.field("2").is_not_null()
    return (
        inputs.record("infusion")
        .filter(pl.col("rate").is_not_null())
        .join(weights, on=["patient_id", "date"], how="left")
        .select(
            "patient_id",
            "date",
            ml_per_kg_h=pl.when(is_per_kg).then(per_hour).otherwise(per_hour / pl.col("weight_kg")),
        )
        .filter(pl.col("ml_per_kg_h").is_finite() & (pl.col("ml_per_kg_h") > 0))
        .group_by("patient_id", "date")
        .agg(pl.col("ml_per_kg_h").max())
        .sort("patient_id", "date")
    )


def _compare_rates(inputs: Inputs, topic: Topic, followed: Followed) -> list[Row]:
    """Describe and compare the rates of infusions followed by a reaction and of the others."""
    if followed.days.height == 0:
        return [topic.refuse("followed_less_not", "difference_clustered", NO_DENOMINATOR)]
    rates = followed.days.join(derive_rates(inputs), on=["patient_id", "date"]).sort(DAY)
    rows = [topic.count("rate_known", rates.height, followed.days.height)]
    name, least = "difference_clustered", inputs.model_free.reactions.min_children_comparison
    if rates.height == 0:
        return [*rows, topic.refuse("followed_less_not", name, NO_RATE)]
    for variable, is_followed in (("followed_by_reaction", True), ("not_followed", False)):
        of_kind = rates.filter(pl.col("is_followed") == is_followed)["ml_per_kg_h"]
        rows += topic.summary(f"ml_per_kg_h:{variable}", of_kind, NO_DIFFERENCE)
    children = rates["patient_id"].n_unique()
    if rates["is_followed"].n_unique() == 1:
        return [*rows, topic.refuse("followed_less_not", name, NO_DIFFERENCE, children)]
    if children < least:
        reason = TOO_FEW.format(children=children, least=least)
        return [*rows, topic.refuse("followed_less_not", name, reason, children)]
    found = estimate_difference(
        rates.select("patient_id", is_second="is_followed", value="ml_per_kg_h")
    )
    interval = _make_interval(topic, found)
    words = PER_HOUR.format(rate=wording.estimate(found.value, interval))
    return [
        *rows,
        topic.figure("followed_less_not", name, Figure(found.value, words, children, interval)),
    ]
