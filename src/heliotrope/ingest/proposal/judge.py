"""Judge by its values whether a column can be the measure that its name means, and in what unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.mapping_words import Doubt
from heliotrope.definitions.measure import Measure
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.proposal.names import NamedMeasure
from heliotrope.ingest.proposal.parts import Entry, ProposedScale
from heliotrope.ingest.proposal.profile import ColumnProfile
from heliotrope.ingest.proposal.say import say_counts, say_looks
from heliotrope.records.units import find_conversion


@dataclass(frozen=True)
class MeasureFound:
    """A column whose name means a measure."""

    column: ColumnProfile
    named: NamedMeasure
    by_label: bool = False


@dataclass(frozen=True)
class Judged:
    """What the values say: the measure meant, its unit lines, the doubt, or why it is refused."""

    measure: Measure
    evidence: str
    units: tuple[Entry, ...] = ()
    doubt: str | None = None
    refused: str | None = None
    scale: ProposedScale | None = None


def judge(item: MeasureFound, context: ReadContext, doubt: Doubt) -> Judged:
    """Judge whether the values of a column can be the measure its name means, and in what unit.

    Rule: a measure is certain where the whole name means it and nearly all values lie within its
    scale (or its plausible range) in the unit named, or in one unit alone. A part of a name, a
    name of several measures, values that need another published scale, or too few of them leave
    a doubt. Values that mostly lie outside every unit refuse the column.
    """
    column, named = item.column, item.named
    evidence = f"{_say_name(item)}; {say_counts(column)}"
    if column.is_blank:
        return Judged(named.measure, evidence, refused=f"named like {named.measure.id}, but empty")
    if named.measure.is_judgement:
        return _judge_words(item, context, doubt, evidence)
    if column.share_of_numbers < doubt.values_possible:
        share = f"{column.numbers.len()} of {column.filled} are numbers"
        return Judged(
            named.measure, evidence, refused=f"named like {named.measure.id}, but {share}"
        )
    evidence += f"; {say_looks(column, doubt, is_placed=True)}"
    candidates = [context.measures[name] for name in named.others] or [named.measure]
    fits = [(m, unit) for m in candidates for unit in _fitting_units(m, named, column, doubt)]
    if not fits:
        return _judge_scale(item, candidates, doubt, evidence)
    measure = fits[0][0]
    open_why = _find_doubt(item, fits, doubt)
    return Judged(measure, evidence, _unit_lines(measure, named, fits), open_why)


def _judge_words(item: MeasureFound, context: ReadContext, doubt: Doubt, evidence: str) -> Judged:
    column, known = item.column, context.words["judgement"]
    told = {text: known.find(text) or known.find(column.labels_of_codes.get(text, ""))
            for text in column.counts}  # fmt: skip
    share = sum(n for text, n in column.counts.items() if told[text]) / column.filled
    if share < doubt.values_possible:
        return Judged(item.named.measure, evidence,
                      refused=f"named like {item.named.measure.id}, but its words are not known: "
                      "give them under codes")  # fmt: skip
    why = None if item.named.is_whole else "only a part of the column's name means this"
    return Judged(item.named.measure, evidence, doubt=why)


def _say_name(item: MeasureFound) -> str:
    if item.by_label:
        return item.column.said
    label = f", {item.column.said}" if item.column.said else ""
    return f"name '{item.column.header}'{label}"


def _fitting_units(
    measure: Measure, named: NamedMeasure, column: ColumnProfile, doubt: Doubt
) -> list[str]:
    """Return the units in which nearly all values are possible; the canonical one first."""
    if named.high is not None and measure.maximum is not None:
        units = [u for u in (measure.unit, *measure.units) if _top(measure, u) == named.high]
    else:
        units = [measure.unit, *measure.units]
        if named.unit is not None:
            units = [named.unit]
    shares = {unit: _share_inside(measure, unit, column) for unit in units}
    # where one unit holds nearly all values, one that holds fewer is none
    is_certain = any(share >= doubt.values_certain for share in shares.values())
    least = doubt.values_certain if is_certain else doubt.values_possible
    fits = [unit for unit, share in shares.items() if share >= least]
    largest = column.span[1]
    return [
        unit
        for unit in fits
        if unit == measure.unit
        or (top := _top(measure, unit)) is None
        or largest >= doubt.unit_in_use * top
    ]


def _top(measure: Measure, unit: str) -> float | None:
    if measure.maximum is None:
        return None
    conversion = find_conversion(measure.unit, unit)
    return conversion.convert(measure.maximum) if conversion else None


def _share_inside(measure: Measure, unit: str, column: ColumnProfile) -> float:
    conversion = find_conversion(
        unit, measure.unit, measure.molar_mass.grams_per_mole if measure.molar_mass else None
    )
    if conversion is None:
        return 0.0
    values = pl.select(conversion.compute(pl.lit(column.numbers))).to_series()
    low = measure.minimum if measure.plausible.low is None else measure.plausible.low
    high = measure.maximum if measure.plausible.high is None else measure.plausible.high
    inside = values.is_not_null()
    if low is not None:
        inside &= values >= low
    if high is not None:
        inside &= values <= high
    return int(inside.sum()) / column.filled


def _find_doubt(
    item: MeasureFound, fits: Sequence[tuple[Measure, str]], doubt: Doubt
) -> str | None:
    named, column = item.named, item.column
    measures = list(dict.fromkeys(measure.id for measure, _ in fits))
    if named.why_open is not None:
        return f"{named.why_open}; the values fit {' and '.join(measures)}"
    if not fits[0][0].is_declared:
        return (
            f"declare the scale of {fits[0][0].id} first: [measures.{fits[0][0].id}] max, direction"
        )
    if not named.is_whole:
        return f"only a part of the column's name ('{named.by}') means {measures[0]}"
    if column.decimal_is_open:
        return "a comma in these numbers can be a decimal sign or part thousands: declare `decimal`"
    share = max(_share_inside(fits[0][0], unit, column) for _, unit in fits)
    if share < doubt.values_certain:
        return f"{share:.1%} of the values are possible for {measures[0]}; look at the others"
    return None


def _unit_lines(
    measure: Measure, named: NamedMeasure, fits: Sequence[tuple[Measure, str]]
) -> tuple[Entry, ...]:
    units = list(dict.fromkeys(unit for item, unit in fits if item.id == measure.id))
    if units == ["none"]:
        return ()
    if named.unit is not None:
        return (Entry("unit", units[0], "as the name or label says"),)
    if named.high is not None:
        return (Entry("unit", units[0], "as the scale in the name says"),)
    if len(units) == 1:
        others = [unit for unit in measure.units if unit not in units]
        why = f"the values speak against {' and '.join(others)}" if others else ""
        return (Entry("unit", units[0], why),)
    why = f"no unit is written; the values can be {' or '.join(units)}"
    return (Entry("unit", units[0], doubt=why),)


def _judge_scale(
    item: MeasureFound, candidates: Sequence[Measure], doubt: Doubt, evidence: str
) -> Judged:
    """Judge values that lie beyond a measure's own scale: another published one, or refused."""
    column = item.column
    for measure in candidates:
        for scale in measure.other_scales:
            inside = column.numbers.is_between(scale.minimum, scale.maximum)
            is_named = item.named.high in (None, scale.maximum)
            if is_named and int(inside.sum()) / column.filled >= doubt.values_certain:
                lines = (
                    Entry("min", f"{scale.minimum:g}"),
                    Entry("max", f"{scale.maximum:g}"),
                    Entry("direction", str(measure.better)),
                )
                why = (
                    f"the values need the scale {scale.minimum:g} to {scale.maximum:g} "
                    f"({scale.wording}); declare it under [measures.{measure.id}] above; rules "
                    "made for another scale then leave it out"
                )
                proposed = ProposedScale(measure.id, lines, why)
                return Judged(measure, evidence, doubt=why, scale=proposed)
    measure = candidates[0]
    accepted = " or ".join((measure.unit, *measure.units))
    limits = (measure.minimum, measure.maximum or measure.plausible.high)
    span = " to ".join("?" if end is None else f"{end:g}" for end in limits)
    return Judged(
        measure,
        evidence,
        refused=f"named like {measure.id}, but the values do not fit it ({span}, in {accepted})",
    )
