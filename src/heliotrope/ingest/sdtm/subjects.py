"""Lay out DM: one row a child, with the diagnosis out of MH and the end of follow-up out of DS."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from heliotrope.ingest.context import normalise_word
from heliotrope.ingest.delivery import Joined, RowsOf
from heliotrope.ingest.diagnoses import list_diseases
from heliotrope.ingest.problems import make_problems
from heliotrope.ingest.sdtm.diagnoses import read_history
from heliotrope.ingest.sdtm.held import Dataset
from heliotrope.ingest.sdtm.iso_dates import DateColumn, read_dates
from heliotrope.ingest.sdtm.laid import (
    Columns,
    Known,
    LaidOut,
    find_not_occurred,
    join_supplement,
    leave_out,
    merge,
)

_ONSET, _DIAGNOSIS = "onset_date", "diagnosis_date"
# How long one unit of AGEU is: a duration for Polars, and how much of the date it leaves.
_AGES = {"YEARS": ("y", 4), "MONTHS": ("mo", 7), "WEEKS": ("w", 7), "DAYS": ("d", 10)}


def find_reference(demographics: Sequence[Dataset]) -> pl.DataFrame:
    """Return USUBJID and the day that study days count from (RFSTDTC), where it is whole."""
    parts = [
        item.rows.select(
            "USUBJID",
            reference=item.cell("RFSTDTC").str.head(10).str.to_date("%Y-%m-%d", strict=False),
        )
        for item in demographics
        if "USUBJID" in item.numbers
    ]
    schema = {"USUBJID": pl.String, "reference": pl.Date}
    return (
        pl.concat([pl.DataFrame(schema=schema), *parts])
        .drop_nulls()
        .unique("USUBJID", keep="first", maintain_order=True)
    )


def lay_out_subjects(
    demographics: Sequence[Dataset],
    history: Sequence[Dataset],
    disposition: Sequence[Dataset],
    known: Known,
) -> LaidOut:
    """Lay out one row a child.

    Rule: the birth is BRTHDTC, else placed by AGE before RFSTDTC; the end of follow-up is
    RFPENDTC, else the last disposition event, else RFENDTC. History of dermatomyositis gives the
    diagnosis and its date, or the onset where MHEVDTYP says so; the first row of each counts.
    """
    diagnoses, of_history = _read_history(history, known)
    ends, of_disposition = _read_ends(disposition, known)
    staged = tuple(
        _lay_out(item, diagnoses, ends, known).stage("patient", "USUBJID") for item in demographics
    )
    return merge([LaidOut(staged=staged), of_history, of_disposition])


def _lay_out(
    dataset: Dataset, diagnoses: pl.DataFrame, ends: pl.DataFrame, known: Known
) -> Columns:
    columns = Columns.of(dataset)
    columns.take(sex="SEX", site="SITEID")
    _take_birth(columns, known)
    columns.take_date("death_date", DateColumn("DTHDTC"), known)
    here = dataset.rows.select("USUBJID").join(
        diagnoses, on="USUBJID", how="left", maintain_order="left"
    )
    here = here.join(ends, on="USUBJID", how="left", maintain_order="left")
    columns.add(
        onset_date=pl.lit(here[_ONSET]),
        diagnosis_date=pl.lit(here[_DIAGNOSIS]),
        diagnosis=pl.lit(here["diagnosis"]),
        antibody=join_supplement(dataset, "antibody"),
    )
    parts = {}
    for name in ("RFPENDTC", "RFENDTC"):
        parts[name] = read_dates(dataset, DateColumn(name, None, "end"), known.reference).texts[
            "date"
        ]
    end = pl.coalesce(pl.lit(parts["RFPENDTC"]), pl.lit(here["end"]), pl.lit(parts["RFENDTC"]))
    columns.add(followup_end=end)
    place = next((n for n in ("RFPENDTC", "RFENDTC") if n in dataset.numbers), "USUBJID")
    columns.numbers["followup_end"] = dataset.numbers[place]
    columns.read("RFSTDTC", "RFPENDTC", "RFENDTC")
    return columns


def _take_birth(columns: Columns, known: Known) -> None:
    """Take the date of birth, else place it: half a unit of age more than AGE before RFSTDTC."""
    dataset = columns.dataset
    columns.take_date("birth_date", DateColumn("BRTHDTC"), known)
    if not {"AGE", "USUBJID"} <= set(dataset.numbers):
        return
    rows = dataset.rows.select(
        "record",
        "USUBJID",
        age=dataset.cell("AGE").cast(pl.Float64, strict=False),
        unit=dataset.cell("AGEU").str.to_uppercase().fill_null("YEARS"),
        birth=pl.lit(columns.rows["birth_date"])
        if "birth_date" in columns.rows.columns
        else pl.lit(None, pl.String),
    ).join(known.reference, on="USUBJID", how="left", maintain_order="left")
    placed = pl.lit(None, pl.String)
    for unit, (short, letters) in _AGES.items():
        # half a unit is written as doubled age of halved units, by whole months or days
        months = {"y": 12, "mo": 1}.get(short)
        if months:
            before = (pl.col("age") * months + months // 2).cast(pl.Int64, strict=False)
            offset = pl.format("-{}mo", before)
        else:
            days = {"w": 7, "d": 1}[short]
            offset = pl.format("-{}d", (pl.col("age") * days).cast(pl.Int64, strict=False))
        day = pl.col("reference").dt.offset_by(offset).dt.to_string("%Y-%m-%d")
        placed = pl.when(pl.col("unit") == unit).then(day.str.head(letters)).otherwise(placed)
    rows = rows.with_columns(
        placed=pl.when(pl.col("age").is_not_null() & pl.col("reference").is_not_null()).then(placed)
    )
    by_age = rows.filter(pl.col("birth").is_null() & pl.col("placed").is_not_null())
    columns.problems.append(
        make_problems(
            by_age,
            "birth_date_from_age",
            column=dataset.numbers["AGE"],
            found=pl.format("{} {}", pl.col("age"), pl.col("unit").str.to_lowercase()),
        )
    )
    text = rows.select(birth_date=pl.coalesce("birth", "placed"))
    kept = columns.rows.drop("birth_date", strict=False)
    columns.rows = kept.hstack(text)
    columns.numbers.setdefault("birth_date", dataset.numbers["AGE"])
    columns.read("AGE", "AGEU", "RFSTDTC")


def _read_history(history: Sequence[Dataset], known: Known) -> tuple[pl.DataFrame, LaidOut]:
    """Find the diagnosis of dermatomyositis and the dates of it and of its onset, by child."""
    parts, laid = [], []
    diseases = list_diseases(known.context.rulebook)
    for dataset in history:
        own = dataset.own
        names = [dataset.cell(own(name)) for name in ("DECOD", "TERM")]
        words = [normalise_word(word) for word in known.terms.diagnosis_words]
        is_diagnosis = pl.any_horizontal(
            name.str.to_lowercase().str.contains_any(words).fill_null(False) for name in names
        )
        category = dataset.cell(own("CAT")).str.to_uppercase()
        is_category = category.is_in(known.terms.indication_categories).fill_null(False)
        is_of_family = category.is_in(known.terms.family_categories).fill_null(False)
        missing = find_not_occurred(dataset, known)
        coded = read_history(dataset, known).filter(pl.col("concept").is_in(diseases))
        is_coded = pl.col("record").is_in(coded["record"].implode())
        rows = dataset.rows.filter((is_diagnosis | is_coded) & ~is_category & ~is_of_family).join(
            missing, on="record", how="anti", maintain_order="left"
        )
        dates = read_dates(dataset, DateColumn(own("STDTC"), own("STDY")), known.reference).texts
        rows = rows.join(
            dates.select("record", "date"), on="record", how="left", maintain_order="left"
        )
        means = pl.coalesce(
            known.means("history_dates", dataset.cell(own("EVDTYP"))), pl.lit(_DIAGNOSIS)
        )
        parts.append(
            rows.select("USUBJID", "date", of=means, diagnosis=pl.coalesce(names[1], names[0]))
        )
        columns = dataset.used(
            "USUBJID",
            *(own(n) for n in ("DECOD", "TERM", "STDTC", "STDY", "EVDTYP", "CAT")),
            *(own(n) for item in known.terms.history_codes for n in item.terms),
        )
        laid.append(
            LaidOut(
                joined=(Joined(dataset.raw, rows.select("record"), columns),),
                left_out=(RowsOf(dataset.raw, missing),),
            )
        )
    schema = dict.fromkeys(("USUBJID", "date", "of", "diagnosis"), pl.String)
    gathered = pl.concat([pl.DataFrame(schema=schema), *parts])
    by_child = gathered.group_by("USUBJID", maintain_order=True).agg(
        pl.col("date").filter(pl.col("of") == _ONSET).drop_nulls().first().alias(_ONSET),
        pl.col("date").filter(pl.col("of") == _DIAGNOSIS).drop_nulls().first().alias(_DIAGNOSIS),
        pl.col("diagnosis").drop_nulls().first(),
    )
    return by_child, merge(laid)


def _read_ends(disposition: Sequence[Dataset], known: Known) -> tuple[pl.DataFrame, LaidOut]:
    """Find the last disposition event of each child; other rows of DS are left out."""
    parts, laid = [], []
    for dataset in disposition:
        own = dataset.own
        rows = find_dispositions(dataset, known)
        dates = read_dates(dataset, DateColumn(own("STDTC"), own("STDY")), known.reference).texts
        rows = rows.join(
            dates.select("record", "date"), on="record", how="left", maintain_order="left"
        )
        parts.append(rows.select("USUBJID", end="date"))
        columns = dataset.used("USUBJID", own("CAT"), own("STDTC"), own("STDY"))
        laid.append(LaidOut(joined=(Joined(dataset.raw, rows.select("record"), columns),)))
    schema = {"USUBJID": pl.String, "end": pl.String}
    gathered = pl.concat([pl.DataFrame(schema=schema), *parts])
    return gathered.group_by("USUBJID", maintain_order=True).agg(pl.col("end").max()), merge(laid)


def find_dispositions(dataset: Dataset, known: Known) -> pl.DataFrame:
    """Return the rows that say how participation ended."""
    category = dataset.cell(dataset.own("CAT")).str.to_uppercase()
    subcategory = dataset.cell(dataset.own("SCAT")).str.to_uppercase()
    is_event = category.is_in(known.terms.disposition_categories).fill_null(False)
    is_treatment = subcategory.is_in(known.terms.treatment_categories).fill_null(False)
    return dataset.rows.filter(is_event & ~is_treatment & ~names_immunoglobulin(dataset, known))


def names_immunoglobulin(dataset: Dataset, known: Known) -> pl.Expr:
    """Say which rows of DS are about immunoglobulin, by their subcategory or term."""
    texts = [dataset.own("SCAT"), dataset.own("TERM")]
    there = [name for name in texts if name in dataset.numbers]
    if not there:
        return pl.lit(False)
    found: set[str] = set()
    for name in there:
        for text in dataset.rows[name].drop_nulls().unique().to_list():
            drug = known.context.drug_lookup.find(text)
            if drug and known.context.drugs[drug].drug_class == "immunoglobulin":
                found.add(text)
    return pl.any_horizontal(pl.col(name).is_in(list(found)).fill_null(False) for name in there)


def leave_out_rest(dataset: Dataset, used: pl.DataFrame, rule: str) -> LaidOut:
    """Leave out the rows that nothing has read."""
    rest = dataset.rows.join(used, on="record", how="anti", maintain_order="left")
    return LaidOut(left_out=(RowsOf(dataset.raw, leave_out(rest, rule)),))
