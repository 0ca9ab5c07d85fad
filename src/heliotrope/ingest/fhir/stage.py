"""Lay out all resources, type by type, in the order in which they need one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.ingest.delivery import Joined, RowsOf
from heliotrope.ingest.diagnoses import list_diseases
from heliotrope.ingest.fhir.laid import Laid, stage_broken
from heliotrope.ingest.fhir.references import Directory
from heliotrope.ingest.fhir.stage_drugs import (
    ORDERED,
    STATED,
    stage_administrations,
    stage_immunoglobulin_orders,
    stage_immunoglobulin_stops,
    stage_periods,
    stage_procedures,
)
from heliotrope.ingest.fhir.stage_people import (
    day_of,
    find_antibodies,
    find_followups,
    split_conditions,
    stage_adverse_events,
    stage_patients,
    stage_stays,
)
from heliotrope.ingest.fhir.stage_values import stage_observations, stage_responses
from heliotrope.ingest.fhir.words import IMMUNOGLOBULIN
from heliotrope.ingest.staged import Staged

UNUSED_PREPARATION = "preparation_not_used"


@dataclass(frozen=True)
class Reading:
    """How a study reads its resources: tablets and the element that names a child."""

    tablets: bool = False
    identifier: str = "id"


@dataclass
class Layouts:
    """What was laid out, read into other rows, and left out."""

    staged: list[Staged] = field(default_factory=list)
    joined: list[Joined] = field(default_factory=list)
    left_out: list[RowsOf] = field(default_factory=list)

    def drop_empty(self) -> Layouts:
        """Return it without what has no rows."""
        return Layouts(
            [item for item in self.staged if item.rows.height or item.problems.height],
            [item for item in self.joined if item.rows.height],
            [item for item in self.left_out if item.rows.height],
        )


def stage_all(laid: Sequence[Laid], rulebook: Rulebook, reading: Reading) -> Layouts:
    """Lay out every table of resources as canonical tables."""
    out = Layouts()
    by_kind: dict[str, list[Laid]] = {}
    for item in laid:
        by_kind.setdefault(item.kind, []).append(item)
    _stage_people(by_kind, rulebook, reading, out)
    for item in by_kind.get("AdverseEvent", ()):
        out.staged.append(stage_adverse_events(item))
    for item in by_kind.get("Encounter", ()):
        out.staged.append(stage_stays(item))
    _stage_drugs(by_kind, reading.tablets, out)
    join_preparations(by_kind.get("Medication", ()), name_preparations(laid), out)
    for item in by_kind.get("Observation", ()):
        out.staged += stage_observations(item)
    for item in by_kind.get("QuestionnaireResponse", ()):
        out.staged += stage_responses(item)
    return out


def _stage_people(
    by_kind: dict[str, list[Laid]], rulebook: Rulebook, reading: Reading, out: Layouts
) -> None:
    myositis, frames = dict[str, Directory](), []
    wanted = list_diseases(rulebook)
    for item in by_kind.get("Condition", ()):
        staged, joined, left_out = split_conditions(item, rulebook)
        out.staged += staged
        out.joined.append(joined)
        out.left_out.append(left_out)
        rows = item.rows.filter(
            pl.col("concept").is_in(wanted) & pl.col("patient_id").is_not_null()
        )
        frames.append(rows)
        for child, full_url, id in rows.select("patient_id", "fullUrl", "id").iter_rows():
            myositis.setdefault(child, Directory("Condition")).add(full_url, id, "myositis")
    antibodies, joined_tests = find_antibodies(by_kind.get("Observation", ()))
    followups, joined_episodes, other_episodes = find_followups(
        by_kind.get("EpisodeOfCare", ()), myositis
    )
    out.staged += [stage_broken(item, "patient") for item in by_kind.get("EpisodeOfCare", ())]
    out.joined += [*joined_tests, *joined_episodes]
    out.left_out += other_episodes
    out.staged += stage_patients(
        by_kind.get("Patient", []), _date_conditions(frames), antibodies, followups,
        reading.identifier,
    )  # fmt: skip


def _date_conditions(frames: list[pl.DataFrame]) -> pl.DataFrame:
    names = ("patient_id", "name", "onset[x]", "recordedDate", "extension.assertedDate")
    empty = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    rows = pl.concat([empty, *(frame.select(names) for frame in frames)])
    return rows.with_columns(
        day=pl.coalesce("extension.assertedDate", "recordedDate", "onset[x]").str.slice(0, 10)
    )


def _stage_drugs(by_kind: dict[str, list[Laid]], tablets: bool, out: Layouts) -> None:
    given = [pl.DataFrame(schema={"patient_id": pl.String, "day": pl.String})]
    for item in by_kind.get("MedicationAdministration", ()):
        drugs = stage_administrations(item)
        out.staged += drugs.staged
        out.joined += drugs.joined
        days = item.rows.filter(pl.col("drug") == IMMUNOGLOBULIN)
        given.append(days.select("patient_id", day=day_of("effective[x]")))
    for item in by_kind.get("Procedure", ()):
        infusions, rest = stage_procedures(item, pl.concat(given))
        out.staged.append(infusions)
        out.left_out.append(rest)
    for item in by_kind.get("MedicationStatement", ()):
        out.staged += stage_periods(item, STATED, tablets=tablets)
        stops, rest = stage_immunoglobulin_stops(item)
        out.staged.append(stops)
        out.left_out.append(rest)
    for item in by_kind.get("MedicationRequest", ()):
        out.staged += stage_periods(item, ORDERED, tablets=tablets)
        reasons, rest = stage_immunoglobulin_orders(item)
        out.staged.append(reasons)
        out.left_out.append(rest)


def name_preparations(laid: Sequence[Laid]) -> pl.Series:
    """Return which preparations are referred to, each once, as ``make_medications`` names them."""
    targets = [item.rows["target"] for item in laid if "target" in item.rows.columns]
    return pl.concat([pl.Series("target", dtype=pl.String), *targets]).drop_nulls().unique()


def join_preparations(preparations: Sequence[Laid], named: pl.Series, out: Layouts) -> None:
    """Count the preparations that were referred to as read, the others as left out."""
    for number, item in enumerate(preparations):
        target = pl.format("{}/{}", pl.lit(number), pl.col("record"))
        used = item.rows.filter(target.is_in(named.implode()))
        columns = frozenset(item.number(name) for name in ("id", "code", "ingredient[0].strength"))
        out.joined.append(Joined(item.source(), used.select("record"), columns))
        rest = item.rows.join(used, on="record", how="anti")
        rule = pl.lit(UNUSED_PREPARATION)
        out.left_out.append(RowsOf(item.source(), rest.select("record", rule=rule)))
