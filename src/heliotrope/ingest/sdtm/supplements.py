"""Join supplementary qualifiers (SUPP--) back to the rows that they are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from heliotrope.definitions.sdtm import SdtmTerms
from heliotrope.ingest.delivery import Joined, Note, RowsOf
from heliotrope.ingest.sdtm.held import Dataset
from heliotrope.ingest.sdtm.laid import SUPPLEMENT, LaidOut, leave_out

NOT_USED = "qualifier_not_used"
WITHOUT_PARENT = "supplement_without_parent"
_NEEDED = ("RDOMAIN", "USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QVAL")


def is_supplement(name: str, columns: Sequence[str]) -> bool:
    """Say whether a dataset holds supplementary qualifiers."""
    return name.startswith(("SUPP", "SQ")) and {"QNAM", "QVAL"} <= {
        item.upper() for item in columns
    }


def choose_qualifiers(
    parents: Mapping[str, Sequence[Dataset]], terms: SdtmTerms
) -> Callable[[pl.DataFrame], pl.Series]:
    """Return what holds the qualifiers that are read and counts the others, and the orphans.

    A qualifier of a sequence number (or of the subject alone) is an orphan where no row of its
    domain, used or not, has it.
    """
    keys = {
        domain: pl.concat([item.keys for item in datasets])
        for domain, datasets in parents.items()
        if datasets
    }
    names = list(terms.term_table("supplements"))

    def choose(block: pl.DataFrame) -> pl.Series:
        block = _complete(block)
        is_used = pl.col("QNAM").str.to_uppercase().is_in(names).fill_null(False)
        rules = block.select(r=pl.when(~is_used).then(pl.lit(NOT_USED)))["r"]
        for domain in block["RDOMAIN"].drop_nulls().unique().to_list():
            sequence = f"{domain.upper()}SEQ"
            of = (block["RDOMAIN"] == domain) & (block["IDVAR"] == sequence)
            wanted = block.select(
                pl.struct(pl.col("USUBJID"), pl.col("IDVARVAL").alias(sequence)).hash(0)
            ).to_series()
            known = keys.get(domain.upper(), pl.Series("key", [], dtype=pl.UInt64))
            orphan = of.fill_null(False) & ~wanted.is_in(known.implode())
            rules = pl.select(
                pl.when(pl.lit(orphan)).then(pl.lit(WITHOUT_PARENT)).otherwise(pl.lit(rules))
            ).to_series()
        return rules

    return choose


def join_supplements(
    parents: Mapping[str, Sequence[Dataset]], supplements: Sequence[Dataset], terms: SdtmTerms
) -> tuple[dict[str, list[Dataset]], LaidOut]:
    """Add a column for each qualifier read; return the datasets, and what became of the rows.

    Rule: a row is found by USUBJID and the variable that IDVAR names (by USUBJID alone where it is
    blank). Two values of one qualifier for one row: the first counts.
    """
    joined: dict[int, list[pl.DataFrame]] = {}
    result: dict[str, list[Dataset]] = {}
    meanings = terms.term_table("supplements")
    for domain, datasets in parents.items():
        result[domain] = []
        for dataset in datasets:
            for number, supplement in enumerate(supplements):
                dataset, used = _join(dataset, supplement, meanings)
                joined.setdefault(number, []).append(used)
            result[domain].append(dataset)
    laid: list[Joined] = []
    left: list[RowsOf] = []
    notes: list[Note] = []
    for number, supplement in enumerate(supplements):
        used = pl.concat(
            [pl.DataFrame(schema={"record": pl.Int64}), *joined.get(number, [])]
        ).unique()
        laid.append(Joined(supplement.raw, used, supplement.used(*_NEEDED)))
        rest = supplement.rows.join(used, on="record", how="anti", maintain_order="left")
        left.append(RowsOf(supplement.raw, leave_out(rest, NOT_USED)))
        orphans = dict(supplement.raw.passed_over).get(WITHOUT_PARENT, 0)
        if orphans:
            found = f"{orphans:,} of {supplement.raw.rows_in:,} rows"
            notes.append(Note(WITHOUT_PARENT, found, supplement.raw))
    return result, LaidOut(joined=tuple(laid), left_out=tuple(left), notes=tuple(notes))


def _complete(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(None, pl.String).alias(name) for name in _NEEDED if name not in rows.columns
    )


def _join(
    dataset: Dataset, supplement: Dataset, meanings: Mapping[str, str]
) -> tuple[Dataset, pl.DataFrame]:
    rows = _complete(supplement.rows).filter(pl.col("RDOMAIN").str.to_uppercase() == dataset.domain)
    rows = rows.with_columns(
        means=pl.col("QNAM")
        .str.to_uppercase()
        .replace_strict(dict(meanings), default=None, return_dtype=pl.String)
    ).filter(pl.col("means").is_not_null() & pl.col("QVAL").is_not_null())
    parent, used = dataset.rows, [pl.DataFrame(schema={"record": pl.Int64})]
    for variable, means in rows.select("IDVAR", "means").unique(maintain_order=True).iter_rows():
        if variable is not None and variable.upper() not in parent.columns:
            continue
        here = rows.filter(
            pl.col("IDVAR").eq_missing(pl.lit(variable)) & (pl.col("means") == means)
        )
        by_parent = ["USUBJID"] if variable is None else ["USUBJID", variable.upper()]
        by_own = ["USUBJID"] if variable is None else ["USUBJID", "IDVARVAL"]
        values = here.unique(by_own, keep="first", maintain_order=True)
        name = f"{SUPPLEMENT}{means}"
        merged = parent.join(
            values.select(*by_own, pl.col("QVAL").alias("_value")),
            left_on=by_parent,
            right_on=by_own,
            how="left",
            maintain_order="left",
        )
        old = [pl.col(name)] if name in parent.columns else []
        parent = merged.with_columns(pl.coalesce(*old, pl.col("_value")).alias(name)).drop("_value")
        used.append(
            values.join(dataset.rows, left_on=by_own, right_on=by_parent, how="semi").select(
                "record"
            )
        )
    return replace(dataset, rows=parent), pl.concat(used)
