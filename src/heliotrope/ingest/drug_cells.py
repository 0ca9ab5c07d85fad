"""Read a drug out of a cell of free text, where it is no name, brand or code by itself."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.drug_text import (
    ANOTHER_DRUG,
    COMBINATION,
    NOT_SYSTEMIC,
    ONLY_MENTIONED,
    SEVERAL_DRUGS,
    DrugMatch,
    find_drug,
)
from heliotrope.ingest.cell import Cell
from heliotrope.ingest.problems import gather_problems

FOUND = "drug_found_in_text"
NOT_COUNTED = "drug_text_not_counted"
ROUTE = "drug_route"

TEXTS = {
    "text": pl.String,
    "drug": pl.String,
    ROUTE: pl.String,
    "rule": pl.String,
    "found": pl.String,
    "unclear": pl.String,
}

_NOT_COUNTED = {
    ANOTHER_DRUG: "{text}: not {words}, as {because} says",
    NOT_SYSTEMIC: "{text}: {words} in a form that does not reach the whole body ({because})",
}
_UNCLEAR = {
    SEVERAL_DRUGS: "several drugs are named ({because}): write one row a drug",
    COMBINATION: "{words} with {because} in one preparation: write one row a drug",
    ONLY_MENTIONED: "{words} is only mentioned ({because}): write the drug that was given",
}


@dataclass(frozen=True)
class DrugTexts:
    """What was found in the texts of a column: drug and route by record, problems, what is left.

    ``unclear``: texts that name a drug and cannot be used, each with what to do.
    """

    values: pl.DataFrame
    problems: pl.DataFrame
    unclear: dict[str, str]


def read_drug_texts(cell: Cell, known: pl.Series) -> DrugTexts:
    """Look for a drug in the texts that are no known name; ``known`` has the names found so far.

    Rule: a text that names one drug given to the whole body is taken as that drug, by the route
    it names, with a finding. One that names another immunoglobulin (anti-D and the like) or a form
    that does not reach the whole body (a cream) is left out, with a finding. What names several
    drugs, a combination, or only mentions one, stays unknown. Doses in the text are not read.
    """
    unknown = cell.rows.filter(known.is_null() & cell.rows["text"].is_not_null())
    texts = [_read(text, cell) for text in unknown["text"].unique(maintain_order=True).to_list()]
    table = pl.DataFrame([text for text in texts if text], schema=TEXTS)
    rows = cell.rows.join(table, on="text", how="left", maintain_order="left")
    problems = [
        cell.problem(rows.filter(pl.col("rule") == rule), rule, effect=None, found=pl.col("found"))
        for rule in (FOUND, NOT_COUNTED)
    ]
    left = table.filter(pl.col("unclear").is_not_null())
    return DrugTexts(
        rows.select("record", "drug", ROUTE, is_left_out=pl.col("rule") == NOT_COUNTED),
        gather_problems(problems),
        dict(left.select("text", "unclear").iter_rows()),
    )


def _read(text: str, cell: Cell) -> dict[str, str | None] | None:
    match = find_drug(text, cell.context.drug_names)
    if match is None:
        return None
    said = {"text": text, "words": match.words, "because": match.because}
    if match.is_usable:
        return {"text": text, "drug": match.drug, ROUTE: match.route, "rule": FOUND,
                "found": _say_found(text, match)}  # fmt: skip
    if match.refused in _NOT_COUNTED:
        found = _NOT_COUNTED[match.refused].format(**said)
        return {"text": text, "rule": NOT_COUNTED, "found": found}
    return {"text": text, "unclear": _UNCLEAR[str(match.refused)].format(**said)}


def _say_found(text: str, match: DrugMatch) -> str:
    route = "" if match.route is None else f", {match.route} by '{match.form}'"
    return f"{text}: taken as {match.drug} by '{match.words}'{route}"
