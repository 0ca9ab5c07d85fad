"""Lay out persons, their diagnosis and follow-up, and what happened to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.ingest.delivery import Joined, RowsOf
from heliotrope.ingest.diagnoses import list_diseases
from heliotrope.ingest.fhir.laid import Laid, Plan, find_broken, stage, without
from heliotrope.ingest.fhir.person_rows import NOT_A_DIAGNOSIS
from heliotrope.ingest.fhir.references import Directory
from heliotrope.ingest.staged import Staged

# A diagnosis of dermatomyositis with this clinical status is a documented flare.
_FLARES = ("relapse", "recurrence")

_POSITIVE = ("positive", "pos", "detected", "present")

_DIAGNOSIS_COLUMNS = ("subject.reference", "code", "onset[x]", "recordedDate",
                      "extension.assertedDate")  # fmt: skip

FOLLOWUP_NOT_USED = "episode_not_used"


def day_of(column: str) -> pl.Expr:
    """Return the day of a date or an instant, as the source's own clock showed it."""
    return pl.col(column).str.slice(0, 10)


def stage_patients(
    patients: Sequence[Laid],
    conditions: pl.DataFrame,
    antibodies: pl.DataFrame,
    followups: pl.DataFrame,
    identifier: str,
) -> list[Staged]:
    """Lay out one row a person, with the diagnosis, the antibody and the end of follow-up."""
    first = conditions.sort("day", nulls_last=True).group_by("patient_id", maintain_order=True)
    told = first.agg(
        diagnosis=pl.col("name").first(),
        onset_date=pl.col("onset[x]").str.slice(0, 10).min(),
        diagnosis_date=pl.coalesce("extension.assertedDate", "recordedDate").str.slice(0, 10).min(),
    )
    staged = []
    for laid in patients:
        sex = pl.when(pl.col("gender").is_in(["female", "male"])).then("gender")
        rows = laid.rows.with_columns(
            sex=sex,
            birth_date=day_of("birthDate"),
            death_date=day_of("deceased[x]"),
            site=pl.col("managingOrganization.display"),
        )
        for more in (told, antibodies, followups):
            rows = rows.join(more, on="patient_id", how="left", maintain_order="left")
        columns = {
            "patient_id": identifier,
            "sex": "gender",
            "birth_date": "birthDate",
            "death_date": "deceased[x]",
            "site": "managingOrganization.display",
        }
        staged.append(stage(laid, Plan("patient", rows, columns)))
    return staged


def find_antibodies(observations: Iterable[Laid]) -> tuple[pl.DataFrame, list[Joined]]:
    """Find each child's myositis-specific antibody: tests that were positive, by name."""
    frames, joined = [], []
    empty = pl.DataFrame(schema={"patient_id": pl.String, "antibody": pl.String})
    for laid in observations:
        tests = laid.rows.filter(
            pl.col("antibody").is_not_null() & pl.col("patient_id").is_not_null()
        )
        if tests.is_empty():
            continue
        value = pl.col("value[x]")
        is_positive = value.str.to_lowercase().is_in(_POSITIVE)
        name = pl.when(pl.col("antibody") == "").then(value).when(is_positive).then("antibody")
        frames.append(tests.select("patient_id", antibody=name))
        columns = [laid.number(item) for item in ("subject.reference", "code", "value[x]")]
        joined.append(Joined(laid.source(), tests.select("record"), frozenset(columns)))
    named = pl.concat([empty, *frames]).drop_nulls().unique(maintain_order=True)
    found = named.group_by("patient_id", maintain_order=True).agg(
        pl.col("antibody").sort().str.join("; ")
    )
    return found, joined


def find_followups(
    episodes: Iterable[Laid], myositis: Mapping[str, Directory]
) -> tuple[pl.DataFrame, list[Joined], list[RowsOf]]:
    """Find the end of follow-up: that of the last episode of care for the child's own myositis."""
    frames, joined, left_out = [], [], []
    empty = pl.DataFrame(schema={"patient_id": pl.String, "followup_end": pl.String})
    for laid in episodes:
        references = pl.col("diagnosis.condition.reference").str.split("; ")
        rows = laid.rows.with_columns(reference=references).explode("reference")
        used = _keep_own(rows, myositis).unique("record", maintain_order=True)
        frames.append(used.select("patient_id", followup_end=day_of("period.end")))
        names = ("subject.reference", "diagnosis.condition.reference", "period.end")
        columns = frozenset(laid.number(name) for name in names)
        joined.append(Joined(laid.source(), used.select("record"), columns))
        rest = laid.rows.join(used, on="record", how="anti")
        left_out.append(
            RowsOf(laid.source(), rest.select("record", rule=pl.lit(FOLLOWUP_NOT_USED)))
        )
    ends = pl.concat([empty, *frames]).group_by("patient_id").agg(pl.col("followup_end").max())
    return ends, joined, left_out


def _keep_own(rows: pl.DataFrame, myositis: Mapping[str, Directory]) -> pl.DataFrame:
    """Keep the references that lead to a diagnosis of the same child."""
    pairs = rows.select("patient_id", "reference").drop_nulls().unique(maintain_order=True)
    leads = [
        child in myositis and myositis[child].find(reference) is not None
        for child, reference in pairs.iter_rows()
    ]
    own = pairs.filter(pl.Series(leads, dtype=pl.Boolean))
    return rows.join(own, on=["patient_id", "reference"], how="semi", maintain_order="left")


def split_conditions(laid: Laid, rulebook: Rulebook) -> tuple[list[Staged], Joined, RowsOf]:
    """Part the diagnoses: flares and complications are events, myositis is the diagnosis."""
    broken = find_broken(laid)
    rows = without(laid.rows, broken).with_columns(
        is_myositis=pl.col("concept").is_in(list_diseases(rulebook)).fill_null(False)
    )
    is_flare = pl.col("is_myositis") & pl.col("status").is_in(_FLARES).fill_null(False)
    is_complication = pl.col("extension.dueTo").is_not_null() & ~pl.col("is_myositis")
    flares = rows.filter(is_flare).with_columns(
        date=pl.coalesce("onset[x]", "recordedDate"), kind=pl.lit("flare"), term="note[0].text"
    )
    complications = rows.filter(is_complication).with_columns(
        date=pl.coalesce("onset[x]", "recordedDate"), kind=pl.lit("complication"), term="name"
    )
    columns = {"patient_id": "subject.reference", "date": "onset[x]"}
    staged = [
        stage(
            laid,
            Plan("event", flares, {**columns, "term": "note[0].text"}, ("code", "status"),
                 problems=(broken,)),
        ),
        stage(
            laid,
            Plan("event", complications, {**columns, "term": "code"}, ("extension.dueTo",)),
        ),
    ]  # fmt: skip
    diagnosed = rows.filter("is_myositis").select("record")
    numbers = frozenset(laid.number(name) for name in _DIAGNOSIS_COLUMNS)
    rest = rows.filter(~pl.col("is_myositis") & ~is_complication)
    return (
        staged,
        Joined(laid.source(), diagnosed, numbers),
        RowsOf(laid.source(), rest.select("record", rule=pl.lit(NOT_A_DIAGNOSIS))),
    )


def stage_adverse_events(laid: Laid) -> Staged:
    """Lay out what was recorded as unwanted."""
    broken = find_broken(laid)
    rows = without(laid.rows, broken).with_columns(
        kind=pl.lit("adverse_event"),
        value=pl.col("extension.value"),
        unit=pl.col("extension.value.unit"),
        grade=pl.col("extension.grade"),
        end_date=pl.col("extension.end"),
        related=pl.col("suspectEntity.causality"),
    )
    columns = {
        "patient_id": "subject.reference",
        "date": "date",
        "term": "event",
        "value": "extension.value",
        "unit": "extension.value.unit",
        "grade": "extension.grade",
        "end_date": "extension.end",
        "related": "suspectEntity.causality",
    }
    return stage(laid, Plan("event", rows, columns, ("status",), problems=(broken,)))


def stage_stays(laid: Laid) -> Staged:
    """Lay out stays in hospital."""
    broken = find_broken(laid)
    rows = without(laid.rows, broken).with_columns(
        kind=pl.lit("hospitalisation"),
        date=pl.col("period.start"),
        end_date=pl.col("period.end"),
        term=pl.col("reasonCode[0]"),
    )
    columns = {
        "patient_id": "subject.reference",
        "date": "period.start",
        "end_date": "period.end",
        "term": "reasonCode[0]",
    }
    return stage(laid, Plan("event", rows, columns, ("class",), problems=(broken,)))
