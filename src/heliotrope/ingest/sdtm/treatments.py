"""Lay out EX, EC, CM and PR: infusions of immunoglobulin, and periods of other drugs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from heliotrope.ingest.context import normalise_word
from heliotrope.ingest.problems import make_problems
from heliotrope.ingest.procedures import says_given
from heliotrope.ingest.sdtm.doses import read_doses
from heliotrope.ingest.sdtm.drugs import read_drugs
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
from heliotrope.ingest.sdtm.transport import write_numbers

_IMMUNOGLOBULIN = "immunoglobulin"
# Days of one course of infusions that may stand in one row, each with a dose of its own.
_DAILY = ("QD", "Q24H")
_PERIOD = "infusion_period_without_days"


def find_immunoglobulins(dataset: Dataset, known: Known) -> pl.Series:
    """Return the records about immunoglobulin; of procedures those that give it."""
    records = _of_class(read_drugs(dataset, known.context), known)["record"]
    domain = known.terms.find_domain(dataset.domain)
    if domain is None or domain.role != "procedure":
        return records
    return records.filter(records.is_in(_find_given(dataset, known).implode()))


def _find_given(dataset: Dataset, known: Known) -> pl.Series:
    """Return the procedures with a dose, or whose name says that something is given."""
    names = [dataset.cell(dataset.own(suffix)) for suffix in ("TRT", "DECOD")]
    rows = dataset.rows.select(
        "record",
        name=pl.concat_str(names, separator=" ", ignore_nulls=True),
        dose=dataset.cell(dataset.own("DOSE")),
    )
    given = [name for name in rows["name"].unique() if says_given([name], known.context)]
    return rows.filter(pl.col("dose").is_not_null() | pl.col("name").is_in(given))["record"]


def _of_class(drugs: pl.DataFrame, known: Known) -> pl.DataFrame:
    names = [
        name for name, drug in known.context.drugs.items() if drug.drug_class == _IMMUNOGLOBULIN
    ]
    return drugs.filter(pl.col("drug").is_in(names))


def lay_out_treatments(
    datasets: Sequence[Dataset], known: Known, roles: Mapping[str, str]
) -> LaidOut:
    """Lay out every dataset of treatments.

    EC holds the administrations of EX as they were collected: where EX has rows, EC is left out.
    """
    has_exposure = any(roles[item.domain] == "exposure" and item.rows.height for item in datasets)
    return merge(
        [_lay_out(item, known, roles[item.domain], has_exposure=has_exposure) for item in datasets]
    )


def _lay_out(dataset: Dataset, known: Known, role: str, *, has_exposure: bool) -> LaidOut:
    drugs = read_drugs(dataset, known.context)
    immunoglobulin = find_immunoglobulins(dataset, known)
    unfollowed = drugs.filter(pl.col("text").is_null())
    if role == "exposure_as_collected" and has_exposure:
        ignored = leave_out(dataset.rows, "exposure_counted_once")
    elif role == "procedure":
        others = drugs.filter(~pl.col("record").is_in(immunoglobulin.implode()))
        ignored = leave_out(others, "procedure_not_used")
    else:
        ignored = leave_out(unfollowed, "drug_not_followed")
    ignored = pl.concat([find_not_occurred(dataset, known), ignored]).unique(
        "record", keep="first", maintain_order=True
    )
    medication = drugs.filter(~pl.col("record").is_in(immunoglobulin.implode()))["record"]
    infusions = _lay_out_infusions(dataset, known)
    periods = _lay_out_medication(dataset, known, drugs)
    value = _first_there(dataset, "DOSE", "DOSTXT", "TRT")
    return LaidOut(
        staged=(
            infusions.stage("infusion", value, ignored, immunoglobulin),
            periods.stage("medication", value, ignored, medication),
        )
    )


def _first_there(dataset: Dataset, *suffixes: str) -> str:
    names = [dataset.own(suffix) for suffix in suffixes]
    return next((name for name in names if name in dataset.numbers), "USUBJID")


def _lay_out_medication(dataset: Dataset, known: Known, drugs: pl.DataFrame) -> Columns:
    own = dataset.own
    columns = Columns.of(dataset)
    columns.add(drug=pl.lit(drugs["text"]))
    columns.numbers["drug"] = dataset.numbers.get(own("TRT"), dataset.numbers["USUBJID"])
    columns.take_date("start_date", DateColumn(own("STDTC"), own("STDY")), known)
    columns.take_date("end_date", DateColumn(own("ENDTC"), own("ENDY"), "end"), known)
    if "start_date" not in columns.rows.columns:
        columns.add(start_date=pl.lit(None, pl.String))
    is_ongoing = pl.any_horizontal(
        dataset.cell(own(suffix)).str.to_uppercase().is_in(known.terms.ongoing)
        for suffix in ("ENRF", "ENRTPT")
    )
    columns.add(ongoing=pl.when(is_ongoing.fill_null(False)).then(pl.lit("yes")))
    _take_doses(columns, known)
    columns.take(stop_reason=own("RSDISC"))
    columns.read(own("DECOD"), own("ENRF"), own("ENRTPT"))
    return columns


def _take_doses(columns: Columns, known: Known) -> None:
    """Take the dose of a day with its unit and interval, and the route; a form implies one."""
    dataset, own = columns.dataset, columns.dataset.own
    doses = read_doses(dataset, known)
    form = known.means("forms", dataset.cell(own("DOSFRM")))
    route = pl.when(dataset.cell(own("ROUTE")).is_null()).then(form)
    columns.rows = columns.rows.hstack(doses.texts.select("dose", "dose_unit", "every_n_days"))
    columns.add(route=pl.coalesce(pl.lit(doses.texts["meant_route"]), route))
    for name, suffix in (
        ("dose", "DOSE"),
        ("dose_unit", "DOSU"),
        ("every_n_days", "DOSFRQ"),
        ("route", "ROUTE"),
    ):
        if own(suffix) in dataset.numbers:
            columns.numbers[name] = dataset.numbers[own(suffix)]
    columns.read(*(own(suffix) for suffix in ("DOSTOT", "DOSFRM", "PSTRG", "PSTRGU", "DOSFRQ")))
    columns.problems.append(doses.problems)


def _lay_out_infusions(dataset: Dataset, known: Known) -> Columns:
    """Lay out one row an infusion day.

    Rule: a row of one day is one infusion. A row of several days given daily is put on its first
    day with the doses of all days, with a finding; one with another frequency says nothing of the
    days and is refused.
    """
    own = dataset.own
    columns = Columns.of(dataset)
    columns.take_date("date", DateColumn(own("STDTC"), own("STDY")), known, time="time")
    if "date" not in columns.rows.columns:
        columns.add(date=pl.lit(None, pl.String))
    columns.add(
        product=pl.coalesce(
            join_supplement(dataset, "product"),
            pl.lit(_name_products(dataset.column(dataset.cell(own("TRT"))), known)),
        ),
        route=pl.coalesce(
            known.means("routes", dataset.cell(own("ROUTE"))), dataset.cell(own("ROUTE"))
        ),
        dose_unit=dataset.cell(own("DOSU")),
        rate=join_supplement(dataset, "rate"),
        premedication=join_supplement(dataset, "premedication"),
    )
    _add_up_days(columns, known)
    for name, suffix in (
        ("dose", "DOSE"),
        ("dose_unit", "DOSU"),
        ("route", "ROUTE"),
        ("product", "TRT"),
    ):
        if own(suffix) in dataset.numbers:
            columns.numbers[name] = dataset.numbers[own(suffix)]
    columns.read(own("DECOD"), own("DOSFRQ"))
    return columns


def _add_up_days(columns: Columns, known: Known) -> None:
    dataset, own = columns.dataset, columns.dataset.own
    dose = dataset.column(dataset.cell(own("DOSE")))
    if own("ENDTC") not in dataset.numbers or "time" not in columns.rows.columns:
        columns.add(dose=pl.lit(dose))
        return
    end = read_dates(dataset, DateColumn(own("ENDTC"), own("ENDY"), "end"), known.reference)
    days = columns.rows.select(
        "record",
        days=(
            pl.lit(end.texts["date"]).str.to_date("%Y-%m-%d", strict=False)
            - pl.col("date").str.to_date("%Y-%m-%d", strict=False)
        ).dt.total_days()
        + 1,
    ).with_columns(
        dose=pl.lit(dose),
        frequency=dataset.column(dataset.cell(own("DOSFRQ")).str.to_uppercase()),
    )
    is_several = (pl.col("days") > 1).fill_null(False)
    is_daily = pl.col("frequency").is_in(_DAILY).fill_null(False)
    is_once = (
        pl.col("frequency")
        .is_in([term for item in known.terms.frequencies if item.is_once for term in item.terms])
        .fill_null(False)
    )
    total = days.select(t=pl.col("dose").cast(pl.Float64, strict=False) * pl.col("days"))["t"]
    days = days.with_columns(total=write_numbers(total))
    columns.read(own("ENDTC"), own("ENDY"))
    columns.rows = columns.rows.hstack(
        days.select(dose=pl.when(is_several & is_daily).then("total").otherwise("dose"))
    )
    found = pl.format("{} days from one row, {} each", "days", pl.col("dose").fill_null("no dose"))
    place = dataset.numbers[own("ENDTC")]
    columns.problems += [
        make_problems(
            days.filter(is_several & is_daily),
            "infusion_days_in_one_row",
            column=place,
            found=found,
        ),
        make_problems(
            days.filter(is_several & ~is_daily & ~is_once),
            _PERIOD,
            column=place,
            found=pl.format(
                "{} days, frequency {}", "days", pl.col("frequency").fill_null("blank")
            ),
        ),
    ]


def _name_products(names: pl.Series, known: Known) -> pl.Series:
    """Return what is more than the name of the substance: a brand."""
    plain = {
        normalise_word(word)
        for drug in known.context.drugs.values()
        if drug.drug_class == _IMMUNOGLOBULIN
        for word in (drug.id, drug.title, *(code.code for code in drug.codes))
    }
    table = {
        name: None if normalise_word(name) in plain else name
        for name in names.drop_nulls().unique().to_list()
    }
    return names.replace_strict(table, default=None, return_dtype=pl.String)
