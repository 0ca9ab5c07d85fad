"""What the nodes that answer from the records say at each visit, column by column.

For each such node: ``truth:`` (nullable Boolean), ``quantity:``, ``reason:``, ``threshold:`` and
``label:``, and the cells it rests on: ``cell:`` (a row_id); for a change, too, ``reference:`` (a
row_id) and ``rejected:`` (the list of those rejected for it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from heliotrope.classify.trace import SOURCE
from heliotrope.definitions.node import (
    CHANGES,
    Alternative,
    Answer,
    BandedScore,
    CutOffStates,
    Leaf,
    OffTreatment,
)
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.definitions.settings import Settings
from heliotrope.derive.treatment import derive_days_off
from heliotrope.records.coded_words import WORD, word
from heliotrope.records.exact import DECIMALS, compute_comparison

SMALL_REFERENCE = "small_reference"


@dataclass(frozen=True)
class RuleContext:
    """What a rule is evaluated with, beside the values.

    ``floors``: measure to the least absolute worsening that a leaf in percent also asks for
    (empty: none); ``settings``: the study's own scales; ``scores`` and ``score_definitions``: the
    improvement scores of the same visits; ``treatment_spans``: when the child was treated;
    ``baselines``: every value before the regimen, also of what a visit did not measure again.
    """

    floors: Mapping[str, float] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    scores: pl.DataFrame | None = None
    score_definitions: Mapping[str, ScoreDefinition] = field(default_factory=dict)
    treatment_spans: pl.DataFrame | None = None
    baselines: pl.DataFrame | None = None


def add_leaf(visits: pl.DataFrame, leaf: Leaf, context: RuleContext) -> pl.DataFrame:
    """Choose the measure that counts, compute what is compared, compare it, and say why not."""
    if leaf.choice == "most_abnormal_at_baseline" and context.baselines is not None:
        visits = _add_baselines(visits, leaf, context.baselines)
    cells = _Cells(leaf, visits.columns)
    visits = visits.with_columns(_choose(leaf, cells).alias(f"chosen:{leaf.id}"))
    value, reference = cells.pick("value"), cells.pick("baseline_value")
    is_other = cells.pick_by(lambda item: pl.lit(_is_other_scale(item, context.settings)))
    known = pl.when(is_other.not_()).then(value)
    worsening = known - reference if leaf.better == "low" else reference - known
    percent = pl.when(reference != 0).then(100 / reference)
    quantity = {
        "value": known,
        "upper_limits": known / _positive(cells.pick("upper_limit")),
        "worsening": worsening,
        "relative_worsening": worsening * percent,
        "improvement": -worsening,
        "relative_improvement": -worsening * percent,
    }[leaf.quantity]
    visits = visits.with_columns(
        quantity.round(DECIMALS).alias(f"quantity:{leaf.id}"),
        cells.pick_by(lambda item: pl.lit(item.threshold))
        .fill_null(leaf.threshold)
        .alias(f"threshold:{leaf.id}"),
    )
    truth = compute_comparison(
        pl.col(f"quantity:{leaf.id}"), leaf.operator, pl.col(f"threshold:{leaf.id}")
    )
    is_small = pl.lit(False)
    if leaf.quantity == "relative_worsening" and leaf.measure in context.floors:
        is_large = compute_comparison(worsening, ">=", context.floors[leaf.measure])
        is_small = truth & is_large.not_()
        truth = truth & is_large
    return visits.with_columns(
        truth.alias(f"truth:{leaf.id}"),
        _give_reason(leaf, cells, is_other, is_small).alias(f"reason:{leaf.id}"),
        **cells.name_sources(),
        **{
            f"label:{leaf.id}": cells.pick_by(lambda item: word(item.measure))
            if leaf.otherwise
            else word(None)
        },
    )


@dataclass(frozen=True)
class _Cells:
    """The columns of the measures of a leaf, and of the one that counts."""

    leaf: Leaf
    columns: Sequence[str]

    def of(self, name: str, item: Alternative) -> pl.Expr:
        column = f"{name}:{item.measure}"
        return pl.col(column) if column in self.columns else pl.lit(None)

    def pick(self, name: str) -> pl.Expr:
        """Take a column of the measure that counts."""
        return self.pick_by(lambda item: self.of(name, item))

    def pick_by(self, make: object) -> pl.Expr:
        assert callable(make)
        candidates = self.leaf.candidates
        if len(candidates) == 1:
            one = make(candidates[0])
            assert isinstance(one, pl.Expr)
            return one
        chosen = pl.col(f"chosen:{self.leaf.id}")
        return pl.coalesce(
            pl.when(chosen == place).then(make(item)) for place, item in enumerate(candidates)
        )

    def name_sources(self) -> dict[str, pl.Expr]:
        """Give the cell of the visit; for a change, too, the reference and what it was not."""
        leaf = self.leaf
        cell = {f"cell:{leaf.id}": self.pick("row_id").cast(pl.Int64)}
        if leaf.quantity not in CHANGES:
            return cell
        # The reference alone counts only where an enzyme was chosen by it.
        is_compared = pl.lit(True)
        if leaf.choice != "most_abnormal_at_baseline":
            is_compared = self.pick("value").is_not_null()
        return cell | {
            f"{name}:{leaf.id}": pl.when(is_compared).then(self.pick(column).cast(dtype))
            for name, column, dtype in (
                ("reference", "baseline_row_id", pl.Int64),
                ("rejected", "rejected", pl.List(SOURCE)),
            )
        }


def name_cells(node: Answer) -> dict[str, str]:
    """Say in which columns the cells of a node stand: its own, those of a reference."""
    if isinstance(node, BandedScore):
        return {}
    names = ["cell"]
    if isinstance(node, Leaf) and node.quantity in CHANGES:
        names += ["reference", "rejected"]
    return {name: f"{name}:{node.id}" for name in names}


def _add_baselines(visits: pl.DataFrame, leaf: Leaf, baselines: pl.DataFrame) -> pl.DataFrame:
    """Give each visit the baselines of all candidates, also of those not measured again."""
    key = ["patient_id", "regimen"]
    names = ["baseline_value", "baseline_row_id", "baseline_upper_limit", "rejected"]
    for item in leaf.candidates:
        own = baselines.filter(pl.col("measure") == item.measure).select(
            *key, *(pl.col(name).alias(f"{name}:{item.measure}") for name in names)
        )
        visits = visits.drop(own.columns[2:], strict=False).join(
            own, on=key, how="left", maintain_order="left"
        )
    return visits


def _positive(limit: pl.Expr) -> pl.Expr:
    return pl.when(limit.cast(pl.Float64) > 0).then(limit.cast(pl.Float64))


def _choose(leaf: Leaf, cells: _Cells) -> pl.Expr:
    """Give the place of the measure that counts among the leaf's candidates; null for none."""
    candidates = leaf.candidates
    if len(candidates) == 1:
        return pl.lit(0)
    if leaf.choice == "first_recorded":
        recorded = [cells.of("value", item).is_not_null() for item in candidates]
        compared = [cells.of("baseline_value", item).is_not_null() for item in candidates]
        both = [
            a & b if leaf.quantity in CHANGES else a
            for a, b in zip(recorded, compared, strict=True)
        ]
        return pl.coalesce([_first(both), _first(recorded), pl.lit(0)])
    prefix = "baseline_" if leaf.choice == "most_abnormal_at_baseline" else ""
    ratios = [
        (
            cells.of(f"{prefix}value", item).cast(pl.Float64)
            / _positive(cells.of(f"{prefix}upper_limit", item))
        ).round(DECIMALS)
        for item in candidates
    ]
    most = pl.max_horizontal(ratios)
    return _first([ratio == most for ratio in ratios])


def _first(conditions: Sequence[pl.Expr]) -> pl.Expr:
    return pl.coalesce(
        pl.when(condition).then(pl.lit(place)) for place, condition in enumerate(conditions)
    )


def _give_reason(leaf: Leaf, cells: _Cells, is_other: pl.Expr, is_small: pl.Expr) -> pl.Expr:
    """Say why a leaf has no answer, or what speaks for caution with the one it has."""
    quantity = pl.col(f"quantity:{leaf.id}")
    reason = (
        pl.when(cells.pick("value").is_null())
        .then(_why_nothing_counts(leaf, cells))
        .when(is_other)
        .then(word("other_scale"))
        .when(is_small)
        .then(word(SMALL_REFERENCE))
        .when(quantity.is_not_null())
        .then(_caution(cells))
    )
    if leaf.quantity == "upper_limits":
        return reason.otherwise(word("no_upper_limit"))
    return (
        reason.when(cells.pick("baseline_value").is_null())
        .then(word("no_baseline"))
        .otherwise(word("reference_zero"))
    )


def _why_nothing_counts(leaf: Leaf, cells: _Cells) -> pl.Expr:
    """Tell a measure that was not recorded from enzymes of which none had a limit."""
    if leaf.choice == "first_recorded":
        return word("not_recorded")
    prefix = "baseline_" if leaf.choice == "most_abnormal_at_baseline" else ""
    any_value = pl.any_horizontal(
        cells.of(f"{prefix}value", item).is_not_null() for item in leaf.candidates
    )
    missing = "no_baseline" if prefix else "not_recorded"
    return (
        pl.when(pl.col(f"chosen:{leaf.id}").is_not_null())
        .then(word("not_recorded"))
        .when(any_value)
        .then(word("no_upper_limit"))
        .otherwise(word(missing))
    )


def _is_other_scale(item: Alternative, settings: Settings) -> bool:
    """Say whether the study declares another scale than the one the threshold was made for."""
    declared = settings.measures.get(item.measure)
    return bool(declared and item.scale_maximum and declared.max != item.scale_maximum)


def _caution(cells: _Cells) -> pl.Expr:
    """Give the word of caution for a child under its age; null else or without a birth date."""
    return cells.pick_by(lambda item: _caution_of(item, cells.columns))


def _caution_of(item: Alternative, columns: Sequence[str]) -> pl.Expr:
    if item.caution is None or "birth_date" not in columns:
        return word(None)
    birthday = pl.col("birth_date").dt.offset_by(f"{item.caution.under_age_years}y")
    return pl.when(pl.col("date") < birthday).then(word(item.caution.word))


def add_cut_off_states(
    visits: pl.DataFrame, node: CutOffStates, context: RuleContext
) -> pl.DataFrame:
    """Read the class of an index: the first cut-off it keeps to, else the last class."""
    measure = Alternative(measure=node.measure, scale_maximum=node.scale_maximum)
    column = f"value:{node.measure}"
    recorded = pl.col(column) if column in visits.columns else pl.lit(None, pl.Float64)
    is_other = _is_other_scale(measure, context.settings)
    value = pl.lit(None, pl.Float64) if is_other else recorded
    label: pl.Expr = pl.when(value.is_not_null()).then(word(node.otherwise))
    for state in reversed(node.states):
        is_inside = compute_comparison(value, state.operator, state.threshold)
        label = pl.when(is_inside).then(word(state.label)).otherwise(label)
    cells = f"row_id:{node.measure}"
    return visits.with_columns(
        value.round(DECIMALS).alias(f"quantity:{node.id}"),
        compute_comparison(value, node.met_cut.operator, node.met_cut.threshold).alias(
            f"truth:{node.id}"
        ),
        label.alias(f"label:{node.id}"),
        pl.when(recorded.is_null())
        .then(word("not_recorded"))
        .when(pl.lit(is_other))
        .then(word("other_scale"))
        .alias(f"reason:{node.id}"),
        (pl.col(cells) if cells in visits.columns else pl.lit(None, pl.Int64)).alias(
            f"cell:{node.id}"
        ),
        pl.lit(node.met_cut.threshold).alias(f"threshold:{node.id}"),
    )


def add_banded_score(visits: pl.DataFrame, node: BandedScore, context: RuleContext) -> pl.DataFrame:
    """Take the first evaluable score of a node; compare both its bounds with the degree."""
    assert context.scores is not None, f"{node.id} needs the scores of the same visits"
    key = ["patient_id", "regimen", "date"]
    for name in node.scores:
        found = context.scores.filter(pl.col("definition_id") == name).select(
            *key,
            pl.struct("score_lower", "score_upper", "category", "reason").alias(f"score:{name}"),
        )
        visits = visits.join(found, on=key, how="left", maintain_order="left")

    def part(name: str, field_name: str) -> pl.Expr:
        return pl.col(f"score:{name}").struct.field(field_name)

    is_known = {
        name: (part(name, "category") != "not_evaluable").fill_null(False) for name in node.scores
    }

    def first(make: Mapping[str, pl.Expr]) -> pl.Expr:
        return pl.coalesce(pl.when(is_known[name]).then(make[name]) for name in node.scores)

    lower, upper = (
        first({name: part(name, f"score_{end}") for name in node.scores})
        for end in ("lower", "upper")
    )
    threshold = first({name: pl.lit(_degree(name, node, context)) for name in node.scores})
    visits = visits.with_columns(
        lower.alias(f"quantity:{node.id}"),
        upper.alias(f"upper:{node.id}"),
        threshold.fill_null(_degree(node.scores[0], node, context)).alias(f"threshold:{node.id}"),
        first({name: word(name) for name in node.scores}).alias(f"label:{node.id}"),
    )
    limit = pl.col(f"threshold:{node.id}")
    is_reached = compute_comparison(pl.col(f"quantity:{node.id}"), ">=", limit)
    could_be = compute_comparison(pl.col(f"upper:{node.id}"), ">=", limit)
    return visits.with_columns(
        pl.when(is_reached).then(True).when(could_be.not_()).then(False).alias(f"truth:{node.id}"),
        pl.when(is_reached.is_null())
        .then(
            pl.coalesce(
                [*(part(name, "reason") for name in node.scores), pl.lit("not_recorded")]
            ).cast(WORD)
        )
        .when(is_reached.not_() & could_be)
        .then(word("bounds_straddle"))
        .alias(f"reason:{node.id}"),
        could_be.alias(f"truth:{node.id}_upper"),
    ).drop([f"score:{name}" for name in node.scores])


def _degree(score: str, node: BandedScore, context: RuleContext) -> float:
    """Find the points from which a degree of a score is reached."""
    categories = context.score_definitions[score].categories
    return next(item.at_least for item in categories if item.name == node.reach)


def add_off_treatment(
    visits: pl.DataFrame, node: OffTreatment, context: RuleContext
) -> pl.DataFrame:
    """Compare the days since the last treatment with what the node asks for."""
    assert context.treatment_spans is not None, f"{node.id} needs the treatment"
    days = derive_days_off(visits, context.treatment_spans, node)
    return visits.hstack(
        days.select(
            pl.col("days_off").alias(f"quantity:{node.id}"),
            compute_comparison(pl.col("days_off"), node.operator, node.days).alias(
                f"truth:{node.id}"
            ),
            pl.col("reason").cast(WORD).alias(f"reason:{node.id}"),
            pl.col("row_id").alias(f"cell:{node.id}"),
            pl.lit(float(node.days)).alias(f"threshold:{node.id}"),
            word(None).alias(f"label:{node.id}"),
        )
    )
