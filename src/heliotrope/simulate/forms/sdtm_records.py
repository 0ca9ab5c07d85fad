"""Write children, measurements and events as the datasets of SDTM (DM, MH, LB, VS, RS, AE ...)."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from heliotrope.simulate.forms.conditions import list_others
from heliotrope.simulate.forms.sdtm_columns import (
    Writing,
    make_supplement,
    number_rows,
    write_date,
)

_SEXES = {"female": "F", "male": "M"}
_RELATED = {"yes": "RELATED", "no": "NOT RELATED"}
_NO_UNIT = "none"
_EVENTS = {
    "adverse_event": ("AE", ""),
    "flare": ("CE", "FLARE"),
    "complication": ("CE", "COMPLICATION"),
    "hospitalisation": ("HO", ""),
}

Tables = Mapping[str, pl.DataFrame]


def make_subjects(tables: Tables) -> dict[str, pl.DataFrame]:
    """Make DM, its study days counted from the first infusion, and SUPPDM with the antibody."""
    patients = tables["patient"]
    infusions = tables.get("infusion")
    if infusions is None:
        infusions = pl.DataFrame(schema={"patient_id": pl.String, "date": pl.Date})
    firsts = infusions.group_by("patient_id").agg(pl.col("date").min().alias("first"))
    rows = patients.join(firsts, on="patient_id", how="left", maintain_order="left")
    demographics = rows.select(
        USUBJID="patient_id",
        SUBJID="patient_id",
        RFSTDTC=write_date(pl.coalesce("first", "diagnosis_date")),
        RFPENDTC=write_date(pl.col("followup_end")),
        DTHDTC=write_date(pl.col("death_date")),
        SITEID="site",
        BRTHDTC=write_date(pl.col("birth_date")),
        SEX=pl.col("sex").replace_strict(_SEXES, default="U", return_dtype=pl.String),
    )
    qualifiers = make_supplement(
        patients.filter(pl.col("antibody").is_not_null()), None, {"ANTIBODY": "antibody"}
    )
    return {"DM": demographics, "SUPPDM": qualifiers}


def make_history(tables: Tables, writing: Writing) -> dict[str, pl.DataFrame]:
    """Make MH: onset and diagnosis of the disease, other diagnoses, why IVIG was begun."""
    patients = tables["patient"]
    parts = [
        patients.filter(pl.col(date).is_not_null() & pl.col("diagnosis").is_not_null()).select(
            USUBJID="patient_id",
            MHTERM="diagnosis",
            MHDECOD="diagnosis",
            MHCAT=pl.lit("PRIMARY DIAGNOSIS"),
            MHEVDTYP=pl.lit(writing.term_of("history_dates", date)),
            MHSTDTC=write_date(pl.col(date)),
        )
        for date in ("onset_date", "diagnosis_date")
    ]
    others = list_others(tables)
    if others.height:
        parts.append(
            others.select(
                USUBJID="patient_id",
                MHTERM="diagnosis",
                MHDECOD="diagnosis",
                MHCAT=pl.lit("MEDICAL HISTORY"),
                MHEVDTYP=pl.lit(writing.term_of("history_dates", "diagnosis_date")),
                MHSTDTC=write_date(pl.col("date")),
            )
        )
    reasons = tables.get("indication")
    if reasons is not None:
        parts.append(
            reasons.select(
                USUBJID="patient_id",
                MHTERM=pl.coalesce("text", "reason"),
                MHDECOD="reason",
                MHCAT=pl.lit(writing.terms.indication_categories[0]),
                MHEVDTYP=pl.lit("", pl.String),
                MHSTDTC=write_date(pl.col("date")),
            )
        )
    return {"MH": number_rows(pl.concat(parts), "MH")}


def make_measurements(rows: pl.DataFrame | None, writing: Writing) -> dict[str, pl.DataFrame]:
    """Make LB, VS, QS and RS: what has a test code stands in its domain, scores in the others."""
    if rows is None:
        return {}
    measures = rows["measure"].unique(maintain_order=True).to_list()
    places = [
        (name, *_place_measure(name, number, writing)) for number, name in enumerate(measures)
    ]
    table = pl.DataFrame(
        places, schema=dict.fromkeys(("measure", "domain", "code"), pl.String), orient="row"
    )
    placed = rows.join(table, on="measure", how="left", maintain_order="left")
    return {
        domain: number_rows(
            _write_results(placed.filter(pl.col("domain") == domain), domain), domain
        )
        for domain in table["domain"].unique(maintain_order=True).to_list()
    }


def _place_measure(name: str, number: int, writing: Writing) -> tuple[str, str]:
    for domain in writing.terms.domains:
        codes = writing.codes.codes_of(name, domain.test_codes) if domain.test_codes else ()
        if codes:
            return domain.id, codes[0]
    return ("QS" if name in writing.terms.questionnaires else "RS"), f"SCORE{number:03}"


def _write_results(rows: pl.DataFrame, domain: str) -> pl.DataFrame:
    value = pl.col("value").cast(pl.String).str.replace(r"\.0$", "")
    unit = pl.col("unit").replace(_NO_UNIT, None)
    limits = {"LO": pl.col("lower_limit"), "HI": pl.col("upper_limit")}
    written = {
        "TESTCD": pl.col("code"),
        "TEST": pl.col("measure"),
        "ORRES": pl.coalesce(value, "text"),
        "ORRESU": unit,
        "STRESC": pl.coalesce(value, "text"),
        "STRESN": pl.col("value"),
        "STRESU": unit,
        **{f"STNR{side}": limit for side, limit in limits.items()},
        "EVAL": pl.col("assessor"),
        "DTC": write_date(pl.col("date")),
    }
    return rows.select(
        pl.col("patient_id").alias("USUBJID"),
        *(column.alias(f"{domain}{suffix}") for suffix, column in written.items()),
    )


def make_events(rows: pl.DataFrame | None, writing: Writing) -> dict[str, pl.DataFrame]:
    """Make AE with its measured values as qualifiers, CE, HO, and DS for the end of IVIG."""
    if rows is None:
        return {}
    parts: dict[str, list[pl.DataFrame]] = {}
    for kind, (domain, category) in _EVENTS.items():
        here = rows.filter(pl.col("kind") == kind)
        if here.height:
            parts.setdefault(domain, []).append(here.with_columns(category=pl.lit(category)))
    made: dict[str, pl.DataFrame] = {}
    for domain, found in parts.items():
        whole = pl.concat(found)
        made[domain] = number_rows(_write_events(whole, domain), domain)
        if domain == "AE":
            made["SUPPAE"] = make_supplement(
                whole.with_columns(pl.col("value").cast(pl.String)),
                "AESEQ",
                {"AEVAL": "value", "AEVALU": "unit"},
            )
    stops = rows.filter(pl.col("kind") == "ivig_stopped")
    reasons = writing.terms_of("disposition_reasons")
    ends = stops.select(
        USUBJID="patient_id",
        DSTERM=pl.col("term").replace(reasons).fill_null("STOPPED"),
        DSDECOD=pl.col("term").replace(reasons),
        DSCAT=pl.lit(writing.terms.disposition_categories[0]),
        DSSCAT=pl.lit("IMMUNOGLOBULIN"),
        DSSTDTC=write_date(pl.col("date")),
    )
    return {**made, "DS": number_rows(ends, "DS")}


def _write_events(rows: pl.DataFrame, domain: str) -> pl.DataFrame:
    written = {
        "TERM": pl.col("term"),
        "DECOD": pl.col("term"),
        "CAT": pl.col("category"),
        "TOXGR": pl.col("grade").cast(pl.String),
        "REL": pl.col("related").replace(_RELATED),
        "STDTC": write_date(pl.col("date"), pl.col("time")),
        "ENDTC": write_date(pl.col("end_date")),
    }
    return rows.select(
        pl.col("patient_id").alias("USUBJID"),
        *(column.alias(f"{domain}{suffix}") for suffix, column in written.items()),
    )
