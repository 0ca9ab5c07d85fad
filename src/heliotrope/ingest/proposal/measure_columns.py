"""Propose columns that hold one measure each: by their name and by what their values can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from heliotrope.definitions.mapping_words import MappingWords
from heliotrope.definitions.measure import Measure
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.proposal.judge import MeasureFound, judge
from heliotrope.ingest.proposal.names import Names
from heliotrope.ingest.proposal.parts import Entry, ProposedMeasure, ProposedScale, Unplaced
from heliotrope.ingest.proposal.profile import ColumnProfile
from heliotrope.ingest.proposal.say import say_looks


@dataclass(frozen=True)
class Placed:
    """Measure columns as proposed, the scales they need, the columns taken, those refused."""

    measures: tuple[ProposedMeasure, ...]
    scales: tuple[ProposedScale, ...]
    taken: frozenset[int]
    refused: tuple[Unplaced, ...]


def find_measures(columns: Iterable[ColumnProfile], names: Names) -> list[MeasureFound]:
    """Find the columns whose name, or else whose label in a dictionary, means a measure."""
    found = []
    for column in columns:
        named = names.read(column.header)
        if named is not None:
            by_label = names.read(column.label) if column.label else None
            if by_label and by_label.measure.id == named.measure.id:
                named = named if named.is_whole or not by_label.is_whole else by_label
                named = replace(named, unit=named.unit or by_label.unit)
            found.append(MeasureFound(column, named))
        elif column.label and (named := names.read(column.label)) is not None:
            found.append(MeasureFound(column, named, by_label=True))
    return found


def place_measures(
    found: Sequence[MeasureFound], context: ReadContext, words: MappingWords
) -> Placed:
    """Turn the columns found into entries; what the values speak against is refused, said why."""
    measures, scales, refused = [], [], []
    taken: set[int] = set()
    limits = [item for item in found if item.named.use in ("upper_limit", "lower_limit")]
    dates = [item for item in found if item.named.use == "date" and item.column.dates.share > 0]
    seen: dict[str, str] = {}
    for item in found:
        if item.named.use != "value":
            continue
        judged = judge(item, context, words.doubt)
        measure = judged.measure
        if judged.refused is not None:
            refused.append(Unplaced(item.column.header, say_looks(item.column, words.doubt),
                                    judged.refused))  # fmt: skip
            continue
        doubt = judged.doubt
        if doubt is None and measure.id in seen:
            doubt = f"{seen[measure.id]} is {measure.id} already; two columns of one measure"
        seen.setdefault(measure.id, item.column.header)
        own = [each for each in (*limits, *dates) if each.named.measure.id == item.named.measure.id]
        beside = [_beside(each) for each in own]
        taken |= {item.column.number, *(each.column.number for each in own)}
        measures.append(
            ProposedMeasure(
                (
                    Entry("column", item.column.header),
                    Entry("measure", measure.id),
                    *judged.units,
                    *beside,
                    *_judgement_codes(item, measure, context),
                ),
                judged.evidence,
                doubt,
            )
        )
        if judged.scale is not None:
            scales.append(judged.scale)
    return Placed(tuple(measures), tuple(scales), frozenset(taken), tuple(refused))


def _beside(item: MeasureFound) -> Entry:
    key = {"upper_limit": "upper_limit_column", "lower_limit": "lower_limit_column"}.get(
        item.named.use, "date"
    )
    return Entry(key, item.column.header)


def _judgement_codes(item: MeasureFound, measure: Measure, context: ReadContext) -> list[Entry]:
    if not measure.is_judgement:
        return []
    known = context.words["judgement"]
    pairs = []
    for text in item.column.counts:
        label = item.column.labels_of_codes.get(text)
        meaning = known.find(label) if label and known.find(text) is None else None
        if meaning:
            pairs.append(f'"{text}" = "{meaning}"')
    return (
        [Entry("codes", "{ " + ", ".join(pairs) + " }", "as the dictionary says")] if pairs else []
    )
