"""Lay out LB, VS, QS, RS and the like: one row a result, standardised before original."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from heliotrope.definitions.sdtm import SdtmDomain
from heliotrope.errors import UserError
from heliotrope.ingest.problems import make_problems
from heliotrope.ingest.sdtm.held import Dataset
from heliotrope.ingest.sdtm.iso_dates import DateColumn
from heliotrope.ingest.sdtm.laid import Columns, Known, LaidOut, find_not_occurred
from heliotrope.ingest.staged import Staged
from heliotrope.records.units import find_conversion, find_unit

NOT_USED = "test_not_used"
_MEASURE = "measure"


def choose_tests(domain: SdtmDomain, known: Known) -> Callable[[pl.DataFrame], pl.Series]:
    """Return what holds the rows of tests that are measures and leaves the others."""

    def choose(block: pl.DataFrame) -> pl.Series:
        measures = find_measures(block, domain, known)
        return pl.select(pl.when(pl.lit(measures).is_null()).then(pl.lit(NOT_USED))).to_series()

    return choose


def find_measures(rows: pl.DataFrame, domain: SdtmDomain, known: Known) -> pl.Series:
    """Return the measure of each row: by its test code, else by the name of its test.

    A result of a specimen that is not blood counts only for the measures of that specimen.
    """
    names = [f"{domain.id}{suffix}" for suffix in ("TESTCD", "TEST", "SPEC")]
    parts = rows.select(
        pl.col(name).alias(str(number))
        if name in rows.columns
        else pl.lit(None, pl.String).alias(str(number))
        for number, name in enumerate(names)
    )
    distinct = parts.unique()
    table = pl.DataFrame(
        [
            (code, name, specimen, _find_measure((code, name, specimen), domain, known))
            for code, name, specimen in distinct.iter_rows()
        ],
        schema={"0": pl.String, "1": pl.String, "2": pl.String, _MEASURE: pl.String},
        orient="row",
    )
    return parts.join(
        table, on=["0", "1", "2"], how="left", nulls_equal=True, maintain_order="left"
    )[_MEASURE]


def _find_measure(
    test: tuple[str | None, str | None, str | None], domain: SdtmDomain, known: Known
) -> str | None:
    code, name, specimen = test
    found = known.codes.find(domain.test_codes, code) if code and domain.test_codes else None
    measure = found.concept if found is not None and found.about == _MEASURE else None
    for text in (name, code):
        measure = measure or (known.context.measure_lookup.find(text) if text else None)
    others = [item for item in known.terms.specimens if (specimen or "").upper() in item.terms]
    if others and not any(measure in item.measures for item in others):
        return None
    return measure


def lay_out_measurements(dataset: Dataset, domain: SdtmDomain, known: Known) -> LaidOut:
    """Lay out the results of one dataset.

    Rule: the numeric result in standard units counts (--STRESN with --STRESU and --STNRLO/HI); else
    the result in standard format where it is a number with a sign or a word (--STRESC); else the
    original one (--ORRES with --ORRESU and --ORNRLO/HI), with a finding. A standard unit that the
    measure is not accepted in gives way to an original one that it is accepted in.
    """
    measures = find_measures(dataset.rows, domain, known)
    own = dataset.own
    ignored = find_not_occurred(dataset, known)
    columns = Columns.of(dataset)
    columns.take_date("date", DateColumn(own("DTC"), own("DY")), known)
    if "date" not in columns.rows.columns:
        columns.add(date=pl.lit(None, pl.String))
    columns.add(measure=pl.lit(measures))
    columns.numbers[_MEASURE] = dataset.numbers.get(own("TESTCD"), dataset.numbers["USUBJID"])
    columns.take(assessor=own("EVAL"))
    columns.read(own("TEST"), own("SPEC"), own("STAT"))
    sources = dataset.rows.select(
        "record",
        measure=pl.lit(measures),
        number=dataset.cell(own("STRESN")),
        standard=dataset.cell(own("STRESC")),
        standard_unit=dataset.cell(own("STRESU")),
        original=dataset.cell(own("ORRES")),
        original_unit=dataset.cell(own("ORRESU")),
    )
    chosen = _choose_results(sources, known)
    return LaidOut(
        staged=tuple(
            _stage_results(
                dataset, columns, ignored, chosen.filter(pl.col("taken") == suffix), suffix
            )
            for suffix in ("STRESN", "STRESC", "ORRES")
            if own(suffix) in dataset.numbers
        )
    )


def _choose_results(sources: pl.DataFrame, known: Known) -> pl.DataFrame:
    accepted = {
        (measure, unit)
        for column in ("standard_unit", "original_unit")
        for measure, unit in sources.select("measure", column).unique().drop_nulls().iter_rows()
        if _is_accepted(measure, unit, known)
    }
    pairs = pl.DataFrame(
        list(accepted), schema={"measure": pl.String, "unit": pl.String}, orient="row"
    ).with_columns(ok=pl.lit(True))
    for name in ("standard", "original"):
        sources = sources.join(
            pairs.rename({"unit": f"{name}_unit", "ok": f"{name}_ok"}),
            on=["measure", f"{name}_unit"],
            how="left",
            maintain_order="left",
        )
    gives_way = (
        pl.col("standard_unit").is_not_null()
        & pl.col("standard_ok").is_null()
        & pl.col("original_ok").is_not_null()
        & pl.col("original").is_not_null()
    )
    return sources.with_columns(
        taken=pl.when(gives_way)
        .then(pl.lit("ORRES"))
        .when(pl.col("number").is_not_null())
        .then(pl.lit("STRESN"))
        .when(pl.col("standard").is_not_null())
        .then(pl.lit("STRESC"))
        .otherwise(pl.lit("ORRES"))
    )


def _is_accepted(measure: str, text: str, known: Known) -> bool:
    unit, wanted = find_unit(text), known.context.measures[measure]
    if unit is None:
        return False
    molar = wanted.molar_mass.grams_per_mole if wanted.molar_mass else None
    try:
        return (
            unit.name == wanted.unit or find_conversion(unit.name, wanted.unit, molar) is not None
        )
    except (UserError, ValueError):
        return False


def _stage_results(
    dataset: Dataset, columns: Columns, ignored: pl.DataFrame, chosen: pl.DataFrame, suffix: str
) -> Staged:
    own = dataset.own
    is_original = suffix == "ORRES"
    unit, low, high = (
        ("ORRESU", "ORNRLO", "ORNRHI") if is_original else ("STRESU", "STNRLO", "STNRHI")
    )
    part = Columns(
        dataset,
        columns.rows,
        dict(columns.numbers),
        set(columns.also_read),
        list(columns.problems),
    )
    part.take(value=own(suffix), unit=own(unit), lower_limit=own(low), upper_limit=own(high))
    if is_original:
        has_standard = own("STRESN") in dataset.numbers
        said = make_problems(
            chosen.filter(pl.col("original").is_not_null() & pl.lit(has_standard)),
            "original_result_used",
            column=dataset.numbers[own(suffix)],
            found=pl.format("{} in {}", "measure", pl.col("original_unit").fill_null("no unit")),
        )
        part.problems.append(said)
    return part.stage("assessment", own(suffix), ignored, chosen["record"])
