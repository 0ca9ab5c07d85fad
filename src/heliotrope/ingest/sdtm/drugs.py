"""Which drug a row of SDTM is about: its standard name, unless the reported one says otherwise."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.drug_text import (
    ANOTHER_DRUG,
    COMBINATION,
    NOT_SYSTEMIC,
    SEVERAL_DRUGS,
    find_drug,
)
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.sdtm.held import Dataset

_SAYS_OTHERWISE = (ANOTHER_DRUG, COMBINATION, NOT_SYSTEMIC, SEVERAL_DRUGS)


def read_drugs(dataset: Dataset, context: ReadContext) -> pl.DataFrame:
    """Return record, ``text`` (what names the drug, null: none that is followed) and ``drug``.

    Rule: the standardised name (--DECOD) counts where it is a drug of ours, unless the name as
    reported (--TRT) is refused as that drug (a cream, anti-D, a combination): then that text
    is handed on, to be left out with its reason. Without a standardised name of ours the
    reported name counts.
    """
    reported, standard = dataset.own("TRT"), dataset.own("DECOD")
    rows = dataset.rows.select("record", trt=dataset.cell(reported), decod=dataset.cell(standard))
    pairs = rows.select("trt", "decod").unique()
    table = pl.DataFrame(
        [(trt, decod, *_choose(trt, decod, context)) for trt, decod in pairs.iter_rows()],
        schema=dict.fromkeys(("trt", "decod", "text", "drug"), pl.String),
        orient="row",
    )
    joined = rows.join(
        table, on=["trt", "decod"], how="left", nulls_equal=True, maintain_order="left"
    )
    return joined.select("record", "text", "drug")


def _choose(
    trt: str | None, decod: str | None, context: ReadContext
) -> tuple[str | None, str | None]:
    match = find_drug(trt, context.drug_names) if trt else None
    if trt and match is not None and match.refused in _SAYS_OTHERWISE:
        return trt, None
    for text in (decod, trt):
        if not text:
            continue
        drug = context.drug_lookup.find(text)
        if drug is not None:
            return text, drug
        named = find_drug(text, context.drug_names)
        if named is not None and named.is_usable:
            return text, named.drug
    return None, None
