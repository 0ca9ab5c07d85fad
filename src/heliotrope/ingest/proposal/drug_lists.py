"""Propose infusions and drugs: a list of drugs is split, a dose without a unit is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from heliotrope.ingest.proposal.entry import Room, lay_out
from heliotrope.ingest.proposal.our_columns import Choice
from heliotrope.ingest.proposal.parts import Entry, ProposedSource
from heliotrope.ingest.proposal.profile import ColumnProfile
from heliotrope.ingest.proposal.toml import quote


def propose_infusions(room: Room, taken: frozenset[int]) -> list[ProposedSource]:
    chosen = room.chooser.choose("infusion", taken)
    if "date" not in chosen or not ({"dose", "product"} & set(chosen)):
        return []
    return [_with_dose_unit(room, lay_out(room, "infusion", chosen), chosen)]


def _with_dose_unit(
    room: Room, entry: ProposedSource, chosen: Mapping[str, Choice]
) -> ProposedSource:
    """Ask for the unit of a dose that has none: grams and grams per kilogram are told by size."""
    if "dose" not in chosen or "dose_unit" in chosen:
        return entry
    if entry.table == "infusion":
        high = chosen["dose"].column.span[1]
        limit = room.context.limits.infusion_dose_g_per_kg_high
        is_per_kg = high <= limit
        unit = "g/kg" if is_per_kg else "g"
        size = f"no dose is over {limit:g}" if is_per_kg else f"doses reach {high:g}"
        why = f"no column holds the unit of the dose; {size}"
    else:
        unit, why = "mg/day", "no column holds the unit of the dose"
    return replace(entry, constants=(*entry.constants, Entry("dose_unit", unit, doubt=why)))


def split_drugs(room: Room, chosen: dict[str, Choice]) -> list[ProposedSource]:
    """Split a list of drugs: immunoglobulin into infusions, the other drugs into medication."""
    column = chosen["drug"].column
    infused = [text for text in column.counts if _is_immunoglobulin(room, text)]
    entries = []
    if infused:
        picked = room.chooser.choose("infusion", frozenset())
        if "date" not in picked and "start_date" in chosen:
            start = chosen["start_date"]
            picked["date"] = replace(start, line=replace(start.line, key="date"))
        if "product" not in picked:
            picked["product"] = Choice(column, Entry("product", column.header))
        entry = lay_out(room, "infusion", picked)
        rows = Entry("rows", _filter(column, "in", infused), "the rows that name immunoglobulin")
        entries.append(_with_dose_unit(
            room, replace(entry, header_lines=(*entry.header_lines, rows)), picked))  # fmt: skip
    if len(infused) < len(column.counts):
        entry = lay_out(room, "medication", chosen)
        if infused:
            rows = Entry("rows", _filter(column, "not_in", infused), "all other drugs")
            entry = replace(entry, header_lines=(*entry.header_lines, rows))
        entries.append(_with_dose_unit(room, entry, chosen))
    return entries


def _is_immunoglobulin(room: Room, text: str) -> bool:
    name = room.chooser.find_drug(text)
    drugs = room.context.drugs
    return name is not None and drugs[name].drug_class == "immunoglobulin"


def _filter(column: ColumnProfile, condition: str, texts: Sequence[str]) -> str:
    listed = ", ".join(quote(text) for text in sorted(texts))
    return f"[{{ column = {quote(column.header)}, {condition} = [{listed}] }}]"
